"""Who speaks the words between quotation marks: the one whom the same sentence names, and nobody where it is in doubt.

A wrong speaker is worse than none. So a sentence must be of a shape in which there is only one who can have spoken:
`Anna Holm, of the institute in Bergen, said: …` before them, `…, said Anna Holm` or `…, Anna Holm said` behind them.
"""

from __future__ import annotations

import re

_LONGEST_PHRASE = 9


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERB = (
    r"said|says|added|adds|warned|wrote|argued|explained|noted|stressed|insisted|replied|recalled|announced|declared"
    r"|stated|commented|emphasi[sz]ed"
    r"|(?:сказа|заяви|зазначи|наголоси|дода|повідоми|підкресли|поясни|написа|запевни|нагада|зауважи)(?:в|ла)"
    r"|розпові(?:в|ла)|відпові(?:в|ла)|каже|говорить"
    r"|(?:сказа|заяви|отмети|подчеркну|добави|сообщи|поясни|рассказа|написа|ответи|завери)(?:л|ла)|говорит"
    r"|(?:powiedzia|doda|stwierdzi|podkreśli|zaznaczy|napisa|wyjaśni|oświadczy|przekaza)ła?|mówi"
)
_LEAD_IN = re.compile(
    rf"(?:\b(?:{_VERB})(?:\s(?:reporters|journalists|журналістам|журналистам|dziennikarzom))?|\btold\s[^,:;]{{2,40}})"
    r"(?P<when>\s(?:on|in|at|during|late|earlier|via|after|у|в|на|під|w|na|podczas|во|\w+day)\b[^.,:;]{0,60})?[:,]\s*$"
)
_SAYS_AFTER = re.compile(rf"[,.]?\s*(?:[—–-]\s*)?(?:{_VERB})\s+(?P<phrase>[^\n]+)$")
_SAYS_BEFORE = re.compile(
    rf"[,.]?\s*(?:[—–-]\s*)?(?P<phrase>[^,;:\n]{{2,90}}?)(?:(?:,\s[^,]{{2,80}}){{1,4}},)?\s(?:{_VERB}|told)\b"
)
_UPPER = "A-ZÀ-ÞĀ-ŽА-ЯЁІЇЄҐ"
_CAPITAL = re.compile(f"[{_UPPER}]")
_AND = r"and|та|і|й|и|oraz|i"
_BREAK = re.compile(
    rf"(?<!\b[{_UPPER}])(?<!\b(?:Mr|Dr|St|Lt|Jr))(?<!\b(?:Mrs|Sen|Rep|Gov|Gen|Col|Sgt|Maj|Adm|Rev))(?<!\b(?:Prof|Capt))\."
    r"|[,;:()—–«»“”\"]|\s-\s|(?<!\w)(?:on|in|at|to|of|for|after|before|during|from|with|by|via|as|who|when|while"
    r"|у|в|на|під|після|для|до|про|за|о|об|від|з|із|зі|який|яка|коли|перед|во|для|по|из|с|со|от|который|которая|w"
    rf"|po|z|ze|od|podczas|dla|który|która|{_AND})(?!\w)"
)
_TOGETHER = re.compile(rf"(?<!\w)(?:{_AND})(?!\w)")
_FOREIGN_BREAK = re.compile(r"[a-z]+")
"""In a phrase of Cyrillic script: what broke it stands within a foreign name."""
_CYRILLIC = re.compile("[а-яёіїєґ]")
_FIRST = re.compile(
    r"(?:but|and|yesterday|today|later|then|also|meanwhile|however|still|yet|earlier|але|проте|однак|також|вчора"
    r"|сьогодні|згодом|раніше|но|однако|также|вчера|сегодня|позже|ale|jednak|wczoraj|dzisiaj|później)\s+",
    re.IGNORECASE,
)
_INTRODUCTION = re.compile(
    r"(?:on|in|at|to|of|for|after|before|during|from|with|by|as|when|while|since|until|under|over|near|outside|if"
    r"|although|though|because|asked|given|yesterday|today|later|then|also|meanwhile|however|still|yet|earlier|\w+ing"
    r"|\w+ly|\w+day|у|в|на|під|після|для|до|про|за|о|об|від|з|із|зі|коли|перед|як|тим часом|утім|втім|проте|однак"
    r"|раніше|згодом|вчора|сьогодні|во|по|из|с|со|от|когда|как|между тем|однако|ранее|позже|вчера|сегодня|w|we|po|z|ze"
    r"|od|podczas|jak|kiedy|gdy|jednak|wczoraj|później)(?!\w)",
    re.IGNORECASE,
)
_AT_A_PLACE = re.compile(
    rf"(?<!\w)(?i:in|at|near|from|outside|у|в|під|из|з|w|z)\s(?:[^{_UPPER}]*\s)?[{_UPPER}]"
)
_CITING = re.compile(
    r"\b(?:citing|quoting|посилаючись|цитуючи|ссылаясь|цитируя|со ссылкой|з посиланням|powołując)",
    re.IGNORECASE,
)
_PLAIN_NAME = re.compile(
    rf"[{_UPPER}][\w’'ʼ.-]*(?:\s(?:al|bin|de|del|der|la|van|von|[{_UPPER}][\w’'ʼ.-]*)){{1,3}}"
)
_ROLE = re.compile(
    r"(?:\S+\s){0,4}?(?:mayor|minister|president|premier|governor|chief|head|director|chair|chairman|chairwoman|leader"
    r"|spokesman|spokeswoman|spokesperson|lawyer|coach|manager|captain|general|secretary|ambassador|owner|founder"
    r"|brother|sister|mother|father|wife|husband|son|daughter|widow|author|editor|мер|міністр|президент|голова"
    r"|директор|речник|речниця|адвокат|тренер|дружина|чоловік|мэр|министр|глава|адвокат|жена|муж|burmistrz|prezydent"
    r"|minister|premier|rzecznik|rzeczniczka|dyrektor|trener)",
    re.IGNORECASE,
)
_ACTS = re.compile(r"(?<=\s)(?:\w+ed|met|saw|told|wrote|left|sent|gave|took|has|had|was|is|says|said)(?=\s)")
_PARTICLES = _words("al bin de del der el la van von")
_ADDRESSEE = re.compile(r"\w{3,}(?:у|ю|ам|ям|ові|еві|їй)")
"""A Slavic dative, behind the name of who speaks to them."""
_BODY = _words(
    "Commission Ministry Council Agency Association Institute University Bank Group Committee Party Office Department"
    " Court Government Union Foundation Federation Centre Center Company Authority Administration Statement"
)
_ARTICLE = re.compile(
    r"(?:the|an?|one|his|her|its|their|our|its|його|її|їх|его|её|ее|их|jego|jej|ich)\s+", re.IGNORECASE
)
_ADDRESSED = _words(
    "reporters journalists yesterday today later also журналістам сьогодні вчора учора також тоді журналистам"
    " сегодня вчера также dziennikarzom wczoraj dzisiaj także"
)
_DAYS = _words(
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August"
    " September October November December"
)
_NOBODY = _words(
    "he she it they we i you who the this that these those one some many others another both all everyone nobody"
    " officials officers police residents witnesses critics experts analysts authorities sources people ministry"
    " department government office statement report company president minister prime mr mrs ms but and also later then"
    " vice secretary general chief director head chair chairman chancellor speaker commissioner king queen prince"
    " earlier meanwhile however still yet as in on at for after when while if speaking asked"
    " він вона воно вони ми я ти хто це цей ця там тут також але проте водночас раніше згодом міністр президент"
    " речник влада джерело он она оно они мы кто это также но однако ранее позже министр власти"
    " on ona ono oni my ja kto to także ale jednak wcześniej minister rzecznik"
)
_PRONOUNS = _words(
    "he she it they we i you him her them us me він вона воно вони ми я мені нам їм їй йому он она оно они мы мне нам"
    " ему ей им on ona ono oni mi nam im jemu jej"
)
_LATIN = re.compile(r"[A-Za-zÀ-ž]")
_DEMONYM = re.compile(r"\w+(?:ian|ean|ese|ish|can)s?")
_KOREAN_TITLE = (
    "대통령|장관|차관|총리|실장|의원|대표|대변인|위원장|총장|교수|회장|사장|원장|청장|국장|본부장|사령관|특사|대사"
    "|시장|지사|감독|선수|소장|센터장|연구원|연구위원|의장|보좌관|총재|수석|부의장|단장|씨"
)
_KOREAN_OFFICE = (
    "대통령실|국방부|외교부|통일부|합동참모본부|합참|국가정보원|국정원|방위사업청|크렘린궁|백악관"
)
_KOREAN_BEFORE = re.compile(
    rf"(?:^|[,.]\s)(?:(?:이날|한편|이어|앞서|또|특히|전날|이에|이에\s대해|그러면서)[,]?\s)*"
    rf"(?P<who>(?:[가-힣A-Za-z·]+\s){{0,6}}?[가-힣]*(?:{_KOREAN_TITLE})|{_KOREAN_OFFICE})(?:은|는|이|가|도)\s"
    r"(?P<between>[^“”\"‘’']{0,60})$"
)
_KOREAN_AFTER = re.compile(
    r"(?:이?라)?(?:고|며|면서)\s?[^“”\"]{0,30}?(?:말했|밝혔|강조했|전했|설명했|덧붙였|주장했|지적했|당부했|평가했|경고했|촉구했|언급했)"
)
_KOREAN_SUBJECT = re.compile(rf"(?:{_KOREAN_TITLE}|{_KOREAN_OFFICE})(?:은|는|이|가)\s")
_KOREAN_SETTING = re.compile(r".*\S(?:에서|에게|에|의|으로|있는|하는|되는|했던|맡은|요구한)\s", re.DOTALL)
_KOREAN_UNNAMED = re.compile(rf"(?:(?:그|이|한|본|양국|양|두|각|해당)\s.*|(?:{_KOREAN_TITLE}))")


def speaker_of(before: str, after: str, *, language: str, text: str) -> str | None:
    """Who speaks the words between `before` and `after`, their sentence's beginning and end, as `text` names them.

    `language` is the main subtag of the text, which tells names from other words. None where nobody is named for sure.
    """
    return _korean_speaker(before, after) if language == "ko" else _around(before, after, text)


def _korean_speaker(before: str, after: str) -> str | None:
    found = _KOREAN_BEFORE.search(before)
    if found is None or not _KOREAN_AFTER.match(after) or _KOREAN_SUBJECT.search(found["between"] + " "):
        return None
    if _KOREAN_UNNAMED.fullmatch(found["who"]):
        return None
    who = _KOREAN_SETTING.sub("", found["who"])
    return None if _KOREAN_UNNAMED.fullmatch(who) else who


def _around(before: str, after: str, text: str) -> str | None:
    if before.strip(" —–-"):
        return _introduced(before, text) if not after.strip(" .,!?") else None
    if found := _SAYS_AFTER.match(after):
        return _of_phrase(found["phrase"], text)
    if found := _SAYS_BEFORE.match(after):
        whole = found["phrase"]
        name = _BREAK.split(whole, maxsplit=1)[0].strip()
        return _of_phrase(whole, text) if name == whole or _PLAIN_NAME.fullmatch(name) else None
    return None


def _introduced(before: str, text: str) -> str | None:
    lead_in = _LEAD_IN.search(before)
    if lead_in is None or re.search(rf"\b(?:{_VERB}|told|that)\b", lead_in["when"] or ""):
        return None
    head = before[: lead_in.start()].strip(" —–-")
    parts = [part.strip() for part in head.rstrip(",").split(",")]
    is_explained = head.endswith(",")
    is_placed = begins_later = False
    while found := _FIRST.match(parts[0]):
        parts[0], begins_later = parts[0][found.end() :], True
    while len(parts) > 1 and _INTRODUCTION.match(parts[0]):
        is_placed = _AT_A_PLACE.search(parts[0]) is not None
        begins_later = True
        del parts[0]
    subject, explained = parts[0], parts[1:]
    if bool(explained) != is_explained or any(map(_CITING.search, explained)):
        return None
    if explained and is_placed and not re.match(r"[\da-zа-яёіїєґ]", explained[0]):
        # Of `In Bergen, Norway, Anna Holm, …` the second says where
        return None
    while found := _FIRST.match(subject):
        subject, begins_later = subject[found.end() :], True
    if _INTRODUCTION.match(subject):
        return _behind_introduction(subject)
    if len(explained) == 1 and _ROLE.fullmatch(subject) and _PLAIN_NAME.fullmatch(explained[0]):
        return explained[0]
    return _of_phrase(subject, text, is_first=not begins_later)


def _behind_introduction(subject: str) -> str | None:
    """Of `After the talks Umerov`, where only one word may be a name: of two the first may be a place."""
    *before, last = subject.split()
    if before and before[-1] in ("Mr", "Mrs", "Ms", "Dr", "пан", "пані", "pan", "pani"):
        last = f"{before.pop()} {last}"
    is_lone = bool(before) and not _CAPITAL.match(before[-1]) and not _BREAK.fullmatch(before[-1])
    return _named(last) if is_lone and not _TOGETHER.search(subject) else None


def _of_phrase(phrase: str, text: str, *, is_first: bool = False) -> str | None:
    """Whom a phrase names that begins with the one who speaks. The first word of a sentence has a capital anyway."""
    found = _BREAK.search(phrase)
    name = phrase[: found.start()] if found else phrase
    behind = phrase[found.start() :] if found else ""
    if found and found[0].isalpha() and _ARTICLE.match(name):
        # `The Power of Reading` is no one's name
        return None
    if found and _FOREIGN_BREAK.fullmatch(found[0]) and _CYRILLIC.search(phrase):
        return None
    if (together := _TOGETHER.match(behind)) and (
        is_first or _CAPITAL.match(behind[together.end() :].lstrip())
    ):
        return None
    if _ACTS.search(name) or (is_first and _TOGETHER.search(behind)):
        return None
    words = name.split()
    if not is_first:
        words = _without_addressee(words)
    is_office = False
    # Elsewhere the name behind an office may be that of a country: `Президент Норвегії`
    while (
        is_first
        and len(words) > 1
        and _LATIN.match(words[0])
        and words[0].lower() in _NOBODY
        and _CAPITAL.match(words[1])
    ):
        is_office = True
        del words[0]
    if not words:
        return None
    if is_first and len(words) == 1 and not is_office and not _has_capital_within(words[0], text):
        return None
    named = _named(" ".join(words))
    return named if named is None else _in_full(named, text)


def _without_addressee(words: list[str]) -> list[str]:
    told = next((at for at, word in enumerate(words) if at and _ADDRESSEE.fullmatch(word)), len(words))
    return words[:told] if any(map(_CAPITAL.match, words[:told])) else words


def _has_capital_within(word: str, text: str) -> bool:
    return re.search(rf"[^\W\d_],?\s{re.escape(word)}\b", text) is not None


def _in_full(named: str, text: str) -> str | None:
    """Without an office whose first word is short for a name that the text has in full, such as `Rovers coach`."""
    words = named.split()
    if len(words) == 1 and re.search(rf"\b(?:[Ii]n|near|outside)\s{re.escape(named)}(?!\w|['’])", text):
        return None
    office = [at for at, word in enumerate(words) if not _CAPITAL.match(word) and word not in _PARTICLES]
    if office and office[0] == 1 and _CAPITAL.match(words[0]):
        is_short = re.search(rf"(?<![.!?]\s)\b[{_UPPER}][a-z]+\s{re.escape(words[0])}\b", text)
        return " ".join(words[office[-1] + 1 :]) if is_short else named
    return named


def _named(phrase: str) -> str | None:
    """The speaker that a phrase names, with their office; None where it names nobody."""
    article = _ARTICLE.match(phrase.strip())
    words = phrase.strip()[article.end() if article else 0 :].split()
    while words and (words[-1].lower() in _ADDRESSED or words[-1] in _DAYS):
        words.pop()
    while words and words[0].lower() in _ADDRESSED:
        words = words[1:]
    if not words or len(words) > _LONGEST_PHRASE or not _CAPITAL.match(words[-1]):
        return None
    names = [word for word in words if _CAPITAL.match(word)]
    if all(word.lower() in _NOBODY or word in _DAYS for word in names):
        return None
    if (
        any(word.lower() in _PRONOUNS for word in words)
        or len({bool(_LATIN.match(word)) for word in names}) > 1
    ):
        # An outlet that was told, and in two scripts, is not the one who speaks
        return None
    if len(" ".join(names)) < 3 or words[-1] in _BODY:
        return None
    if article and len(names) == 1 and _DEMONYM.fullmatch(names[0]):
        return None
    return " ".join(words)
