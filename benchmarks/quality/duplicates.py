"""Copies made of real texts, as outlets make them: of one kind each, the same at every run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random

from benchmarks.quality.datasets import Labelled, Line

_SHORTEST = 100
"""Words of a text of which the first 60 words are a part."""
_SHINGLE = 5
_ONE_IN = 3
"""So many texts to a copy: the others are there to be mistaken."""
_FIRST_DAY = datetime(2024, 11, 18, tzinfo=UTC)
_OUTLETS = 40
_BEFORE = {
    "en": [
        "{outlet} brings you the day's news as it breaks.",
        "By our staff and wire services, with files from the newsroom of {outlet}.",
        "Listen to this article. Estimated reading time: three minutes.",
    ],
    "ko": [
        "[{outlet} 온라인 뉴스팀] 이 기사는 제휴 통신사의 원문을 받아 실은 것입니다.",
        "사진은 기사의 특정 내용과 관련이 없습니다. {outlet} 자료사진.",
    ],
    "uk": [
        "{outlet} розповідає про головні події дня просто зараз.",
        "Редакція стежить за подіями та оновлює матеріал. Час читання: три хвилини.",
    ],
    "ru": [
        "{outlet} рассказывает о главных событиях дня прямо сейчас.",
        "Редакция следит за событиями и обновляет материал. Время чтения: три минуты.",
    ],
    "pl": [
        "{outlet} opowiada o najważniejszych wydarzeniach dnia.",
        "Redakcja śledzi wydarzenia i uzupełnia materiał. Czas czytania: trzy minuty.",
    ],
}
_AFTER = {
    "en": [
        "Sign up for the {outlet} newsletter and have the best of our reporting in your inbox every morning.",
        "Copyright {outlet}. All rights reserved. This material may not be published, broadcast, rewritten or "
        "redistributed without permission.",
        "Do you have a story for us? Write to the news desk of {outlet} in confidence.",
    ],
    "ko": [
        "저작권자 © {outlet}. 무단 전재와 재배포를 금합니다.",
        "제보는 {outlet} 누리집이나 전화로 언제든지 받습니다. 구독과 좋아요를 눌러 주세요.",
    ],
    "uk": [
        "Підписуйтесь на канал {outlet}, щоб першими дізнаватися про найважливіше.",
        "Передрук матеріалів дозволено лише з посиланням на {outlet}. Усі права захищено.",
    ],
    "ru": [
        "Подписывайтесь на канал {outlet}, чтобы первыми узнавать о самом важном.",
        "Перепечатка материалов разрешена только со ссылкой на {outlet}. Все права защищены.",
    ],
    "pl": [
        "Zapisz się na biuletyn {outlet}, aby jako pierwszy poznać najważniejsze wiadomości.",
        "Przedruk materiałów tylko ze wskazaniem źródła: {outlet}. Wszelkie prawa zastrzeżone.",
    ],
}


def _retitled(line: Line, random: Random, outlet: str, _: Sequence[str]) -> Line:
    words = line.text.split()
    at = random.randrange(len(words) - 8)
    before, after = _BEFORE[line.language], _AFTER[line.language]
    around = [
        *random.sample(before, random.randint(1, 2)),
        line.text,
        *random.sample(after, random.randint(1, len(after))),
    ]
    return replace(
        line, title=" ".join(words[at : at + 8]), text="\n".join(around).replace("{outlet}", outlet)
    )


def _cut(line: Line, random: Random, _outlet: str, _vocabulary: Sequence[str]) -> Line:
    words = line.text.split()
    kept = round(len(words) * random.uniform(0.4, 0.7))
    at = random.randint(0, len(words) - kept)
    return replace(line, text=" ".join(words[at : at + kept]))


def _edited(line: Line, random: Random, _outlet: str, vocabulary: Sequence[str]) -> Line:
    words = line.text.split()
    share = random.uniform(0.05, 0.15)
    for at in random.sample(range(len(words)), round(len(words) * share)):
        # half are replaced, a quarter goes, and as many come in
        words[at] = random.choice(
            [
                random.choice(vocabulary),
                random.choice(vocabulary),
                "",
                f"{words[at]} {random.choice(vocabulary)}",
            ]
        )
    return replace(line, text=" ".join(filter(None, words)))


def _first_words(line: Line, _random: Random, _outlet: str, _vocabulary: Sequence[str]) -> Line:
    return replace(line, text=" ".join(line.text.split()[:60]))


KINDS: dict[str, Callable[[Line, Random, str, Sequence[str]], Line]] = {
    "retitled, with boilerplate": _retitled,
    "cut to 40–70 %": _cut,
    "5–15 % of words edited": _edited,
    "first 60 words only": _first_words,
}


def with_copies(texts: Iterable[Line], kind: str, *, seed: int = 1) -> Labelled:
    """The texts spread over one day, and copies of a third of them at other outlets up to a day later."""
    random = Random(f"{seed}/{kind}")
    originals = [
        replace(
            line, published=_minute(_FIRST_DAY, random.randrange(24 * 60)), url=_page(line.id, line.source)
        )
        for line in texts
    ]
    vocabularies: dict[str, list[str]] = defaultdict(list)
    for line in originals:
        vocabularies[line.language] += line.text.split()
    lines, gold = list(originals), {line.id: line.id for line in originals}
    for line in originals[::_ONE_IN]:
        outlet = f"Outlet {random.randrange(_OUTLETS)}"
        copy = KINDS[kind](line, random, outlet, vocabularies[line.language])
        later = _minute(datetime.fromisoformat(line.published or ""), random.randint(5, 24 * 60))
        id = f"{line.id}+copy"
        lines.append(replace(copy, id=id, published=later, source=outlet, url=_page(id, outlet)))
        gold[id] = line.id
    lines.sort(key=lambda line: (line.published or "", line.id))
    return Labelled(kind, tuple(lines), {line.id: gold[line.id] for line in lines})


def without_repeats(lines: Iterable[Line], *, shortest: int = _SHORTEST) -> list[Line]:
    """The texts of so many words, without those that repeat an earlier one in truth, as Reuters' second takes do.

    Repeating is to share more than 0.3 of all 5-word shingles (Jaccard), or half those of the shorter text.
    """
    kept: list[set[tuple[str, ...]]] = []
    holders: dict[tuple[str, ...], list[int]] = defaultdict(list)
    texts = []
    for line in lines:
        words = line.text.casefold().split()
        if len(words) < shortest:
            continue
        shingles = set(zip(*(words[at:] for at in range(_SHINGLE)), strict=False))
        shared = Counter(holder for shingle in shingles for holder in holders[shingle])
        if any(_is_repeat(n, len(shingles), len(kept[other])) for other, n in shared.items()):
            continue
        for shingle in shingles:
            holders[shingle].append(len(kept))
        kept.append(shingles)
        texts.append(line)
    return texts


def _is_repeat(shared: int, one: int, other: int) -> bool:
    return shared > 0.3 * (one + other - shared) or shared >= 0.5 * min(one, other)


def _minute(start: datetime, minutes: int) -> str:
    return (start + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def _page(id: str, outlet: str) -> str:
    host = "".join(letter for letter in outlet.casefold() if letter.isascii() and letter.isalnum())
    return f"https://{host}.example/{id.replace('#', '/').replace('+', '/')}"
