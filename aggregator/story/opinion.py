"""Opinion pieces told from reporting: by what the publisher says of them, else by the wording.

A publisher says it with a section, a category, a label in the title or a byline. Only where none of these
speaks is the wording asked, and it has to be plain: reporting that quotes opinions is not one, so what is
quoted or attributed to somebody does not count, and an opinion piece taken for a report costs less than the
reverse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import unquote

from aggregator.story.argument import argument
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


class Piece(Protocol):
    """What is looked at. `language` is a two-letter code; without one the wording is not asked."""

    @property
    def url(self) -> str | None: ...
    @property
    def title(self) -> str: ...
    @property
    def categories(self) -> Sequence[str]: ...
    @property
    def author(self) -> str | None: ...
    @property
    def text(self) -> str: ...
    @property
    def language(self) -> str | None: ...


def opinion_sign(piece: Piece, *, source_title: str | None) -> str | None:
    """Why an entry is an opinion piece, as the end of a sentence that begins with "It is an opinion piece:".

    None for a report.
    """
    if label := _label_of(piece.title):
        return f"its title is marked “{label}”"
    if piece.url and (section := _section_of(piece.url, piece.language)):
        return f"its address says “{section}”"
    if category := next((name for name in piece.categories if _is_genre_path(name)), None):
        return f"its category is “{category}”"
    if piece.author and (byline := _BYLINE.search(piece.author)):
        return f"its byline says “{byline[0]}”"
    if source_title and _is_genre_feed(source_title):
        return f"it comes from “{source_title}”"
    if _has_disclaimer(piece.text):
        return "its text says that the views in it are the author's"
    if evidence := argument(piece.title, piece.text, piece.language):
        return f"it argues in its own voice: “{'”, “'.join(evidence)}”"
    return None


def unlabelled(title: str) -> str:
    """The title without the name of the genre before or after it: that says nothing of what the piece is about."""
    if (match := _LABELLED.match(title)) and _is_label(match):
        return title[match.end() :].strip() or title
    if (match := _LABELLED_AFTER.search(title)) and _is_label(match):
        return title[: match.start()].strip() or title
    return title


def _label(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).strip()


def _is_label(match: re.Match[str]) -> bool:
    label = _label(match)
    if _is_genre(label) or bool(match[1] and _ENDS_AS_COLUMN.search(label)):
        return True
    return match.start() == 0 and " ".join(words(label)) in _BEFORE_TITLES


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
    for found in (_LABELLED.match(title), _LABELLED_AFTER.search(title)):
        if found and _is_label(found):
            return _label(found)
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
