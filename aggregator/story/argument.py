"""A text that argues in its own voice, told by its wording.

What is quoted or attributed to somebody does not count: reporting that quotes opinions is none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_LEAD = 800
"""Characters of the text in which an opinion piece has shown its voice; later ones add chance finds."""
_ENOUGH = 4
_QUOTED = re.compile(
    r"“[^”\n]*(?:[”\n]|$)|„[^“”\"\n]*(?:[“”\"\n]|$)|«[^»\n]*(?:[»\n]|$)|\"[^\"\n]*(?:[\"\n]|$)|``.*?(?:''|$)"
    r"|「[^」\n]*」|‘[^‘’\n]{2,300}’(?!\w)|(?<!\w)'[^'\n]{2,300}'(?!\w)|^\s*[-–—]\s.*$",
    re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|\n+")
_SPOKEN = re.compile(
    r"interview|transcript|full text|speech|remarks|statement|address|q&a|인터뷰|전문|연설|담화|성명|інтерв|звернення"
    r"|заява|интервью|обращение|заявление|wywiad|oświadczenie|orędzie"
)
"""Titles of what somebody said, printed without quotation marks."""


class _Wording(NamedTuple):
    """How a language argues. All but `hints` are looked for outside quotes and attributed sentences."""

    hints: tuple[str, ...]
    """A text with none of these has no voice of its own: the quick way out."""
    attributed: re.Pattern[str]
    own: re.Pattern[str]
    """A writer who says I, and means: I think."""
    shared: re.Pattern[str]
    """A writer who says we, readers included."""
    duty: re.Pattern[str]
    judgement: re.Pattern[str]
    question: re.Pattern[str]
    """Questions of rhetoric."""
    address: re.Pattern[str]
    """Advice to the reader, as in guides and advertisements: it counts against."""
    plea: re.Pattern[str] | None = None
    """Endings that only pleas have."""


_WORDINGS = {
    "en": _Wording(
        hints=(" i ", "we ", "us not", "let’s not", "let's not", "our ", " us ", "in my ", "to my mind"),
        attributed=re.compile(
            r"\b(?:said|says?|saying|told|tells|add(?:s|ed)|according|argue[sd]?|urge[sd]?|urging|warn(?:s|ed|ing)?"
            r"|wrote|writes|calls|called|asks|asked|stated?|insist(?:s|ed)|claim(?:s|ed)|demand(?:s|ed|ing)?|rul(?:es|ed)"
            r"|think tank|survey|poll|announce[sd]|report(?:s|ed)|suggest(?:s|ed)|recommend(?:s|ed)|officials?)\b"
        ),
        own=re.compile(
            r"\bi (?:(?:do not|don['’]t|still|also|firmly|honestly|truly|cannot|can['’]t|can only|would) )*"
            r"(?:believe|think|argue|fear|suspect|doubt|find (?:this|it|that)|understand|agree|disagree|wonder|submit"
            r"|hope|am (?:convinced|glad|ashamed|tired)|urge|welcome|refuse"
            r"|have no (?:patience|sympathy|doubt))\b|\bin my (?:view|opinion|judge?ment)\b|\bto my mind\b"
        ),
        shared=re.compile(
            r"\bwe (?:\w+ )?(?:must|should|ought|cannot (?:afford|go on|allow|keep|let|pretend)|deserve|owe|dare"
            r"|understand)\b|\blet(?: us|['’]s) not\b|\bshames us\b|\bour (?:leaders?|government|children|country"
            r"|allies|politicians|democracy|silence|patience|cowardice|nation)\b"
        ),
        duty=re.compile(
            r"\b(?:should|must|ought to|need not|had better|it(?: is|['’]s) (?:high )?time|has every right|deserves?"
            r" (?:better|more|to))\b"
        ),
        judgement=re.compile(
            r"\b(?:shame(?:s|ful)?|disgrace(?:ful)?|hypocri\w+|coward\w*|absurd\w*|nonsense|folly|foolish|na[iï]ve"
            r"|baffling|reckless|blunder|betray\w*|(?:is|are|was|were) (?:right|wrong)|the wrong|worst|mistake|surely"
            r"|nobody should|half-measures?|excuses?|dither\w*|indefensible|moral|unforgivable)\b"
        ),
        question=re.compile(r"\?"),
        address=re.compile(r"\byou(?:r|['’]re)?\b"),
    ),
    "ko": _Wording(
        hints=("필자", "나는", "내가", "저는", "우리", "것인가", "겠는가", "을까", "일까", "바란다", "마땅", " 안 된다",
               "했나"),
        attributed=re.compile(
            r"(?:다|라|자|냐|까)고 (?!생각한다|본다|믿는다|할|해서|하지)|[가-힣](?:따르면|라며|다며|면서)|대변인|당부"
            r"|응답"
        ),
        own=re.compile(
            r"필자[가는의도]|(?:^|\s)(?:나는|내가|저는|나로서는)\s|[고라] (?:생각한다|본다|믿는다)(?=[.\s])"
        ),
        shared=re.compile(r"(?:^|\s)우리(?:는|가|도| 사회|에게|의)(?=\s)"),
        plea=re.compile(
            r"(?:것인가|겠는가|아닐까|[지치] 않을까|것일까|[무엇뭘]을? 했나)[.?]|기 바란다[.]|마땅하"
            r"|서는 안 된다[.]|[해아어여]야 하지"
        ),
        duty=re.compile(
            r"[해아어여려져라와워]야 (?:한다|마땅|할 것|옳|할 때|하지)|기 바란다|(?:서는|선|면) 안 된다|마땅하|때다[.]"
            r"|지 말자|급하다|까닭이 없다|이유가 없다|할 수는 없다"
        ),
        judgement=re.compile(
            r"부끄러|위험한|어리석|한심|도박|안타깝|무책임|뻔뻔|참담|개탄|너무 늦|환영할 만|당장|지금이라도"
        ),
        question=re.compile(r"(?:[인는은]가|[일할을]까|[했었았]나)[.?]"),
        address=re.compile(r"여러분|당신"),
    ),
    "uk": _Wording(
        hints=(" мо", " мій ", "мені ", "на мене", " я ", "гадаю", "вірю", "переконан", "ми ", "нам ", "-моєму"),
        attributed=re.compile(
            r"\b(?:сказа[влн]\w*|заяви\w*|повідоми\w*|наголоси\w*|додав|додала|вважають|вважає|за словами|на думку \w+в"
            r"|радять|наполяга\w*|заклика\w*)\b"
        ),
        own=re.compile(
            r"\b(?:на мо[юєї] (?:думку|переконання)|(?:як )?на мене|я (?:\w+ )?(?:вважаю|думаю|переконан\w+|вірю"
            r"|певн\w+|боюся|не розумію|бачу)|на мій погляд|мені (?:соромно|здається|прикро)|гадаю|по-моєму|не вірю"
            r"|переконан(?:ий|а),)"
        ),
        shared=re.compile(
            r"\bми (?:\w+ )?(?:мусимо|маємо|повинні|не можемо)\b"
            r"|\bнам (?:\w+ )?(?:треба|час|варто|слід|не можна)\b"
        ),
        duty=re.compile(
            r"\b(?:мають|має (?:бути|обрати)|мус(?:ить|ять)|повин(?:ен|на|но)|треба|потрібно|не можна|час)\b"
        ),
        judgement=re.compile(
            r"\b(?:соромно|ганьба|ганебн\w+|помилк\w+|абсурд\w*|лицемір\w+|цинічн\w*|безглузд\w+|найгірш\w+|боїться"
            r"|довір[аиу]|злочин\w*)\b"
        ),
        question=re.compile(r"\b(?:хіба|невже|чому|навіщо|скільки ще)\b[^.?!\n]*\?"),
        address=re.compile(r"\b(?:ви|вам|ваш\w*)\b"),
    ),
    "ru": _Wording(
        hints=("мой взгляд", "моему", "мне ", " я ", "считаю", "мы ", "нам "),
        attributed=re.compile(
            r"\b(?:сказа[влн]\w*|заяви\w*|сообщи\w*|подчеркну\w*|отмети\w*|добавил\w*|считают|считает|по словам|по его"
            r"|по её|по мнению|призва\w*)\b"
        ),
        own=re.compile(
            r"\b(?:на мой взгляд|по-моему|по моему мнению|мне (?:кажется|стыдно|жаль)"
            r"|я (?:\w+ )?(?:считаю|думаю|полагаю|убежд\w+|верю|уверен\w*|боюсь|не понимаю)|считаю)\b"
        ),
        shared=re.compile(
            r"\bмы (?:\w+ )?(?:должны|обязаны|не можем)\b|\bнам (?:\w+ )?(?:пора|надо|нужно|нельзя)\b"
        ),
        duty=re.compile(r"\b(?:надо|нужно|долж(?:ен|на|но)|следует|необходимо|нельзя|пора)\b"),
        judgement=re.compile(
            r"\b(?:позор\w*|стыдно|ошибк\w+|абсурд\w*|лицемер\w+|цинич\w+|глуп\w+|честно|увы|бессмысл\w+)\b"
        ),
        question=re.compile(r"\b(?:неужели|разве|почему|зачем|сколько ещё|сколько еще)\b[^.?!\n]*\?"),
        address=re.compile(r"\b(?:вы|вам|ваш\w*)\b"),
    ),
    "pl": _Wording(
        hints=("moim zdaniem", "według mnie", "moim przekonaniu", "uważam", "sądzę", "myślę", "jestem ", "obawiam",
               "wierz", "nie rozumiem", "musimy", "powinniśmy", "możemy", "dajmy", "łudźmy", "pamiętajmy"),
        attributed=re.compile(
            r"\b(?:powiedział\w*|dodał\w*|twierdz\w*|zdaniem \w+a|według|oświadczył\w*|poinformował\w*|podkreślił\w*"
            r"|apel\w*)\b"
        ),
        own=re.compile(
            r"\b(?:moim zdaniem|według mnie|w moim przekonaniu|uważam|sądzę|myślę|jestem przekonan[ya]|obawiam się"
            r"|wierzę|nie rozumiem)\b"
        ),
        shared=re.compile(r"\b(?:musimy|powinniśmy|nie możemy|nie dajmy|nie łudźmy|pamiętajmy)\b"),
        duty=re.compile(r"\b(?:musi|powin(?:ien|na|no|ny|ni)|trzeba|nie wolno|czas)\b"),
        judgement=re.compile(
            r"\b(?:wstyd|hańb[aą]|błąd|błędem|absurd\w*|hipokryzj\w|kapitulacj\w|złudze\w+|naiwn\w+|skandal\w*)\b"
        ),
        question=re.compile(r"\b(?:czy naprawdę|dlaczego|ile jeszcze|po co)\b[^.?!\n]*\?"),
        address=re.compile(r"\b(?:twój|twoje|ciebie|wasz\w*)\b"),
    ),
}  # fmt: skip


def argument(title: str, text: str, language: str | None) -> list[str]:
    """The words by which the text argues in its own voice; none for reporting."""
    wording = _WORDINGS.get(language or "")
    # What follows a colon in a title is mostly said by whoever stands before it
    heading = "" if ":" in title else title
    # Hints begin with a space where a word begins
    lead = f"\n{heading}.\n{text[:_LEAD]}".replace("\n", "\n ").lower()
    if wording is None or not any(hint in lead for hint in wording.hints) or _SPOKEN.search(title.lower()):
        return []
    sentences = _SENTENCE_END.split(_QUOTED.sub(" ", lead))
    voice = "\n".join(sentence for sentence in sentences if not wording.attributed.search(sentence))
    own, shared = wording.own.findall(voice), wording.shared.findall(voice)
    pleas = wording.plea.findall(voice) if wording.plea else []
    if not (own or shared or pleas):
        return []
    duties, judgements = wording.duty.findall(voice), wording.judgement.findall(voice)
    if not (duties or judgements or (own and pleas)):
        return []
    points = (
        3 * bool(own)
        + 2 * bool(shared)
        + 2 * bool(pleas)
        + min(len(duties), 2)
        + min(len(judgements), 2)
        + bool(wording.question.search(voice))
        - 2 * bool(wording.address.search(voice))
    )
    if points < _ENOUGH:
        return []
    found = [*own[:1], *shared[:1], *pleas[:1], *duties[:1], *judgements[:1]]
    return [_as_written(word, f"{title}\n{text}") for word in dict.fromkeys(map(str.strip, found))]


def _as_written(word: str, text: str) -> str:
    match = re.search(re.escape(word), text, re.IGNORECASE)
    return match[0] if match else word
