"""Opinion pieces told from reporting: by what the publisher says of them, else by the wording.

A publisher says it with a section, a category, a label in the title or a byline. Only where none of these
speaks is the wording asked, and it has to be plain: reporting that quotes opinions is not one, so what is
quoted or attributed to somebody does not count, and an opinion piece taken for a report costs less than the
reverse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

from aggregator.text.fold import words

# Names of the genre in titles, sections, categories and names of feeds. "Analysis" is reporting.
_GENRES = frozenset(
    words(
        # English, Korean
        "opinion opinions editorial editorials oped opeds commentary commentaries column columns columnist "
        "columnists viewpoint viewpoints commentisfree "
        "오피니언 사설 칼럼 시론 기고 논단 논설 시평 만평 기자수첩 취재수첩 독자투고 "
        # Ukrainian, Russian, and both as they stand in addresses
        "колонка колонки думка думки блоги погляд погляди мнение мнения колумнисты колумністи "
        "kolonka kolonki kolonky dumka dumky dumki pohliad pohliady mnenie mneniya mneniia mnenia "
        # Polish, Czech, Slovak, Slovenian, Croatian
        "opinia opinie felieton felietony kolumna kolumny komentarze publicystyka názor názory nazory komentář "
        "komentáře komentare glosa glosy úvodník mnenja kolumne mišljenja misljenja "
        # German, Dutch, Swedish, Norwegian, Danish, Finnish
        "meinung meinungen kommentare leitartikel gastbeitrag gastkommentar kolumnen columnisten ledare ledarsidan "
        "insändare debattinlägg debatt krönika krönikor kronikk kronikker kronik meninger pääkirjoitus "
        "pääkirjoitukset paakirjoitukset mielipide mielipiteet kolumni kolumnit "
        # French, Spanish, Italian, Portuguese, Catalan, Romanian
        "éditorial éditoriaux editoriaux édito éditos edito editos tribunes chroniques opinión opiniones editoriales "
        "columna columnas columnista columnistas tribunas opinione opinioni editoriale editoriali opinião opiniao "
        "opiniões editoriais coluna colunas colunistas opinió opinii "
        # Turkish, Greek, Hungarian, Indonesian
        "köşe yazarlar görüş gorus yorum başyazı γνώμη απόψεις apopseis vélemény velemeny opini tajuk "
        # Japanese, Chinese, Arabic, Hebrew
        "社説 論説 コラム オピニオン 寄稿 主張 社论 社論 社评 社評 观点 觀點 评论 評論 时评 時評 专栏 專欄 言论 言論 "
        "رأي آراء افتتاحية דעה דעות"
    )
)
# Words that stand beside one in a name, such as "Guest column" or "Opinion & letters".
_BESIDE = frozenset(
    words(
        "guest our my the of and s by local world national daily reader readers letters blogs analysis special "
        "특별 외부 и та і авторская авторские авторська авторські гостевая гостьова редакция редакції "
        "und et y e i o en de von"
    )
)
_NAMES = _GENRES | _BESIDE
_PHRASES = frozenset({
    "op ed", "op eds", "comment is free", "letters to the editor", "letter to the editor", "point of view",
    "guest essay", "guest essays", "точка зору", "точка зрения", "point de vue", "points de vue", "libre opinion",
    "punto de vista", "carta al director", "cartas al director", "il commento", "punto di vista",
    "ponto de vista", "komentarz redakcji", "zdaniem redakcji", "köşe yazısı", "köşe yazıları", "독자의 소리",
    "데스크 시각", "מאמר מערכת", "مقال رأي", "مقالات رأي", "idées et débats", "ý kiến", "góc nhìn",
})  # fmt: skip
# They name the genre before a title, elsewhere too much else: readers' comments, columns of a table.
_BEFORE_TITLES = frozenset({
    "comment", "view", "our view", "my view", "perspective", "kommentar", "kommentaar", "commentaar", "komentarz",
    "komentár", "komentar", "comentario", "comentário", "commento", "comentariu", "коментар", "комментарий",
    "реплика", "репліка", "блог", "glosse", "kolumne", "kolumn", "opinie", "billet", "artikel opini",
    "tribune", "tribuna", "chronique", "短評", "短评", "논평", "데스크에서", "시각", "기자의 눈", "leserbrief",
})  # fmt: skip
# Sections only as the first of an address: `/comment/12` may be a reader's comment, `/views/` a folder.
_FIRST_SECTIONS = frozenset({"comment", "views", "voices", "perspectives", "kommentar", "komentarz"})
_BLOGGING = frozenset({"uk", "ru"})
"""Languages whose newspapers call the section of invited opinions blogs."""

_HOSTS = frozenset({"opinion", "opinions", "opinie"})
_ADDRESS = re.compile(r"https?://(?:www\.)?([^./?#]*)[^/?#]*([^?#]*)(?:\?([^#]*))?", re.IGNORECASE)
_PATH_MARK = re.compile(r"[>»›|/:]+")
_FEED_MARK = re.compile(r"\s*[|:»›>·]\s*|\s[-–—]\s")

_WRAPPING = re.compile(
    r"(?:[a-z]{2}(?:[-_][a-z]{2,4})?|news|articles?|section|category|topics?)", re.IGNORECASE
)
_SECTION_FIELD = re.compile(r"(?:^|&)(?:section|category|cat|sec|rubric)=([^&]{2,40})", re.IGNORECASE)
_LABELLED = re.compile(
    r"\s*[\[【〔<〈《「(（]\s*([^\]】〕>〉》」)）]{2,30}?)\s*[\]】〕>〉》」)）]"
    r"|\s*([^:：|｜›»]{2,40}?)\s*(?:[:：|｜›»]|\s[-–—―/]\s|\.\s)"
)
# After a dash, `мнение` and `думка` are somebody's that a report is about
_LABELLED_AFTER = re.compile(
    r"[\[【〔(（]\s*([^\]】〕)）]{2,30}?)\s*[\]】〕)）]\s*$|\s[|｜]\s*([^|｜]{2,30}?)\s*$"
    r"|\s[-–—―/]\s(?!мнени|думк)(\w[\w-]{2,20})\s*$"
)
_ENDS_AS_COLUMN = re.compile(r"(?:칼럼|기고|기고문|시론|사설|논단|시평|오피니언|수첩|コラム|専欄|专栏|專欄)$")
_NAMED = re.compile(
    r"(?:^|[:—–-]\s)(?:(?:[Оо]публікована\s)?[Кк]олонка|[Бб]лог|[Ff]elieton|[Ll]a columna de"
    r"|(?:[Oo]pinion|[Cc]olumn|[Cc]omment|[Cc]ommentary) by|(?:[Kk]ommentar|[Kk]olumne|[Gg]astbeitrag) von"
    r"|[Tt]ribune de|[Cc]olumn van)(?:\s[A-ZÀ-ÞŁŚŻŹĆА-ЯІЇЄҐ][\w.’'ʼ-]*){1,4}\s*(?:[:|—–]|$)"
)
_BYLINE = re.compile(
    r"\b(?:editorial board|columnists?|opinion (?:writer|editor|contributor)s?|guest essayist|kolumnist(?:a|ka|in)?"
    r"|publicyst(?:a|ka)|felietonist(?:a|ka)|[ée]ditorialiste|chroniqueu(?:r|se)|columnista|editorialista"
    r"|colunista|колумн[іи]ст(?:ка)?|köşe yazarı)\b|논설(?:위원|주간|실장|고문|실)|주필|칼럼니스트|論説委員|社説"
    r"|コラムニスト|评论员|評論員|专栏作家|專欄作家",
    re.IGNORECASE,
)
_DISCLAIMER = re.compile(
    r"(?:views|opinions) (?:and opinions )?(?:expressed|presented|stated) (?:\w+ ){0,6}?(?:are|belong|do not)\b"
    r"|(?:views|opinions) (?:\w+ )?are (?:the (?:author|writer)[’']s|those of the (?:author|writer)"
    r"|(?:his|her|their) own)"
    r"|(?:외부 ?필자|외부 ?기고|본란|필자 개인|이 칼럼|이 글은 필자)[^.\n]{0,40}(?:견해|의견|방향|입장)"
    r"|(?:думк|погляд|позиці)\w* автор\w* (?:\w+ ){0,3}(?:не )?збіга\w*"
    r"|(?:мнени|позици)\w* автор\w* (?:\w+ ){0,3}(?:не )?совпада\w*"
)
_DISCLAIMER_HINTS = ("views", "opinions", "필자", "외부", "본란", "칼럼", "автор")
_DISCLAIMER_LENGTH = 400
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


def opinion_sign(
    *,
    url: str | None,
    title: str,
    categories: Sequence[str],
    author: str | None,
    text: str,
    language: str | None,
    source_title: str | None = None,
) -> str | None:
    """Why an entry is an opinion piece, as the end of a sentence that begins with "It is an opinion piece:".

    None for a report. `language` is a two-letter code; without one the wording is not asked.
    """
    if label := _label_of(title):
        return f"its title is marked “{label}”"
    if url and (section := _section_of(url, language)):
        return f"its address says “{section}”"
    if category := next((name for name in categories if _is_genre_path(name)), None):
        return f"its category is “{category}”"
    if author and (byline := _BYLINE.search(author)):
        return f"its byline says “{byline[0]}”"
    if source_title and _is_genre_feed(source_title):
        return f"it comes from “{source_title}”"
    if _has_disclaimer(text):
        return "its text says that the views in it are the author's"
    if evidence := _argument(title, text, language):
        return f"it argues in its own voice: “{'”, “'.join(evidence)}”"
    return None


def _is_genre(name: str) -> bool:
    parts = words(name)
    joined = " ".join(parts)
    if joined in _PHRASES:
        return True
    return len(parts) <= 5 and any(part in _GENRES for part in parts) and _NAMES.issuperset(parts)


def _is_genre_path(category: str) -> bool:
    # `News > Opinion`, `/section/opinion`, `opinion:columns`
    return any(_is_genre(part) for part in _PATH_MARK.split(category) if part)


def _is_genre_feed(source_title: str) -> bool:
    parts = _FEED_MARK.split(source_title)
    # A name that is nothing else may be a newspaper's own, such as The Column
    return len(parts) > 1 and (_is_genre(parts[0]) or _is_genre(parts[-1]))


def _label_of(title: str) -> str | None:
    if match := _LABELLED.match(title):
        label = (match[1] or match[2]).strip()
        if _is_genre(label) or " ".join(words(label)) in _BEFORE_TITLES:
            return label
        if match[1] and _ENDS_AS_COLUMN.search(label):
            return label
    if match := _LABELLED_AFTER.search(title):
        label = next(group for group in match.groups() if group)
        if _is_genre(label) or (match[1] and _ENDS_AS_COLUMN.search(label)):
            return label
    match = _NAMED.search(title)
    return match[0].strip(" :|—–-") if match else None


def _section_of(url: str, language: str | None) -> str | None:
    """The part of the address that names the genre. The last one is the entry's own name, so it is left out."""
    address = _ADDRESS.match(url)
    if address is None:
        return None
    host, path, query = address.groups("")
    segments = unquote(path).strip("/").split("/")
    if host.lower() in _HOSTS:
        return host.lower()
    sections = segments if query else segments[:-1]
    for section in sections:
        if len(section) <= 40 and _is_genre(section):
            return section
    first = next((section for section in sections if not _WRAPPING.fullmatch(section)), "").lower()
    is_named = any(letter.isalpha() for letter in segments[-1])
    if is_named and (first in _FIRST_SECTIONS or (first == "blogs" and language in _BLOGGING)):
        return first
    field = _SECTION_FIELD.search(unquote(query))
    return field[1] if field and _is_genre(field[1]) else None


def _has_disclaimer(text: str) -> bool:
    end = text[-_DISCLAIMER_LENGTH:].lower()
    return any(hint in end for hint in _DISCLAIMER_HINTS) and _DISCLAIMER.search(end) is not None


def _argument(title: str, text: str, language: str | None) -> list[str]:
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
