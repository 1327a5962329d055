"""Pictures of stories: copied once, shown from the folder, never from elsewhere."""

from __future__ import annotations

import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from builders import NOON, Books, entry, topic
from origin import Origin, serving_origin
from program import aggregator, configure
from selectolax.lexbor import LexborHTMLParser

from aggregator import editor
from aggregator.harvest.fetch import Limits
from aggregator.harvest.parse import parse
from aggregator.pictures import copy_pictures, kind_of
from aggregator.settings import Output
from aggregator.store.connection import writing
from aggregator.store.pictures import keep_picture
from aggregator.upkeep import prune

HOUR = timedelta(hours=1)


def png(width: int = 190, height: int = 80) -> bytes:
    """A small picture, another for each width."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(range(width)) * 3 for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with serving_origin() as serving:
        yield serving


@pytest.fixture
def desk(books: Books) -> Books:
    books.configure(topics=[topic(all_of=("seoul",))], output=Output(images="copy"))
    return books


@pytest.fixture
def copy(desk: Books) -> Callable[..., int]:
    def run(now: datetime = NOON, **limits: object) -> int:
        bounds = {"user_agent": "test", "allow_private_networks": True, **limits}
        return copy_pictures(
            desk.db,
            desk.folder,
            limits=Limits(**bounds),
            now=now,
            seconds=monotonic,
            stop=threading.Event(),
        )

    return run


def shown(desk: Books, name: str = "one") -> str | None:
    page = desk.folder / "stories" / f"{desk.story_of(f'Headline {name}')}.html"
    picture = LexborHTMLParser(page.read_bytes()).css_first("img")
    return picture.attributes["src"] if picture else None


def files(desk: Books) -> set[str]:
    return {path.name for path in (desk.folder / "images").glob("*")}


def test_a_picture_is_fetched_once_and_shown_from_the_folder(
    desk: Books, origin: Origin, copy: Callable[..., int]
) -> None:
    url = origin.put("/a.png", png())
    for name in ("one", "two"):
        desk.fetch_from("a", entry(name, text=f"Seoul {name}", image=url))
    desk.publish()
    assert shown(desk) is None
    assert copy() == 1
    assert origin.paths() == ["/a.png"]
    desk.publish()
    (file,) = files(desk)
    assert re.fullmatch(r"[0-9a-f]{32}\.png", file)
    assert (desk.folder / "images" / file).read_bytes() == png()
    assert shown(desk) == shown(desk, "two") == f"https://desk.example/images/{file}"
    assert copy() == 0
    assert desk.publish().files == 0
    assert origin.paths() == []


def test_a_picture_says_whose_it_is_and_waits_until_it_is_seen(
    desk: Books, origin: Origin, copy: Callable[..., int]
) -> None:
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", png())))
    desk.publish()
    copy()
    desk.publish()
    page = LexborHTMLParser((desk.folder / "stories" / f"{desk.story_of('Headline one')}.html").read_bytes())
    picture = page.css_first("figure.picture img").attributes
    assert (picture["loading"], picture["alt"]) == ("lazy", "")
    assert page.css_first("figure.picture figcaption").text().startswith("Picture: ")
    assert page.css_first("figure.picture a").attributes["href"] == "https://outlet.example/one"
    policy = page.css_first("meta[http-equiv=Content-Security-Policy]").attributes["content"] or ""
    assert "img-src 'self' data:;" in policy


@pytest.mark.parametrize(
    ("width", "height", "ground"),
    [(250, 200, "picture matted"), (120, 90, "picture matted"), (None, 0, "picture matted")],
)
def test_a_picture_is_as_large_on_the_page_as_it_is(
    desk: Books, origin: Origin, copy: Callable[..., int], width: int | None, height: int, ground: str
) -> None:
    # What cannot be measured is shown all the same
    data = png(width, height) if width else b"\xff\xd8\xff\xe0" + b"?" * 300
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a", data)))
    desk.publish()
    copy()
    desk.publish()
    page = LexborHTMLParser((desk.folder / "stories" / f"{desk.story_of('Headline one')}.html").read_bytes())
    picture = page.css_first("img").attributes
    assert (picture.get("width"), picture.get("height")) == (
        (str(width), str(height)) if width else (None, None)
    )
    assert page.css_first("figure").attributes["class"] == ground


def test_a_spacer_that_was_copied_before_is_not_shown(desk: Books) -> None:
    url = "https://pictures.example/a.png"
    desk.fetch_from("a", entry(text="Seoul", image=url))
    desk.publish()
    (desk.folder / "images").mkdir()
    (desk.folder / "images" / "a.png").write_bytes(png(1, 1))
    with writing(desk.db):
        keep_picture(desk.db, url, "a.png")
    desk.publish()
    assert shown(desk) is None


@pytest.mark.parametrize(
    ("declared", "chosen"),
    [
        ((("1", "1"), ("90", "90"), ("600", "20")), None),
        ((("1", None), (None, "60px")), None),
        ((("1", "1"), (None, None)), 1),
        ((("120", "90"), ("1200", "800"), ("640", "480")), 2),
        ((("120", "90"), ("240", "180")), 1),
        ((("120", "90"), (None, None)), 1),
        ((("no", "99999999"), ("100%", "")), 0),
    ],
)
def test_of_the_pictures_that_a_feed_declares_one_that_fills_a_page_is_taken(
    declared: tuple[tuple[str | None, str | None], ...], chosen: int | None
) -> None:
    media = "".join(
        f'<media:content medium="image" url="https://one.example/{number}.jpg"'
        + "".join(f' {name}="{side}"' for name, side in zip(("width", "height"), sides, strict=True) if side)
        + "/>"
        for number, sides in enumerate(declared)
    )
    feed = (
        '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>One</title>'
        f"<item><title>A ship</title>{media}</item></channel></rss>"
    )
    found = parse(feed.encode(), url="https://one.example/rss", content_type=None)
    (image,) = ([*one.images, None][0] for one in found.entries)
    assert image == (None if chosen is None else f"https://one.example/{chosen}.jpg")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "jpg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"GIF89a", "gif"),
        (b"RIFF\n\x01\0\0WEBPVP8 ", "webp"),
        (b"\0\0\0\x1cftypavif\0\0", "avif"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', None),
        (b"<svg onload=alert(1)>", None),
        (b"<!doctype html><p>GIF89a", None),
        (b"RIFF\0\0\0\0WAVEfmt ", None),
        (b"\0\0\0\x1cftypmp42", None),
        (b"", None),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(start: bytes, kind: str | None) -> None:
    assert kind_of(start) == kind


@pytest.mark.parametrize(
    ("body", "answer", "limits"),
    [
        (b"<svg onload='alert(1)'>" + b" " * 500, {"headers": {"Content-Type": "image/png"}}, {}),
        (png(), {"status": 404}, {}),
        (png(1)[:60], {}, {}),
        (png(1, 300), {}, {}),
        (png(190, 20), {}, {}),
        (png(), {}, {"max_bytes": 500}),
        (png(), {}, {"allow_private_networks": False}),
    ],
    ids=["svg", "missing", "tiny", "spacer", "rule", "large", "private"],
)
def test_what_is_no_picture_or_not_allowed_is_not_kept_and_asked_for_again_later(
    desk: Books,
    origin: Origin,
    copy: Callable[..., int],
    body: bytes,
    answer: dict[str, object],
    limits: dict[str, object],
) -> None:
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", body, **answer)))
    desk.publish()
    for hour in range(10):
        assert copy(NOON + hour * HOUR, **limits) == 0
        assert copy(NOON + hour * HOUR, **limits) == 0
    assert files(desk) == set()
    assert desk.publish().files == 0
    # Five times an hour apart, then never again
    assert len(origin.paths()) == (0 if "allow_private_networks" in limits else 5)
    origin.put("/b.png", png())
    desk.fetch_from("a", entry(text="Seoul again", image=origin.url("/b.png")), at=NOON + HOUR)
    desk.publish(anew=True)
    assert copy() == 1


def test_a_source_that_gives_headlines_alone_gives_no_picture(
    desk: Books, origin: Origin, copy: Callable[..., int]
) -> None:
    desk.configure(sources=[replace_policy(source) for source in desk.sources])
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", png())))
    desk.publish()
    assert copy() == 0
    assert origin.paths() == []


@pytest.mark.parametrize("reason", ["another picture", "no picture", "policy"])
def test_a_picture_goes_when_its_report_shows_it_no_more(
    desk: Books, origin: Origin, copy: Callable[..., int], reason: str
) -> None:
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", png())))
    desk.publish()
    copy()
    desk.publish()
    assert shown(desk)
    if reason == "policy":
        desk.configure(sources=[replace_policy(source) for source in desk.sources])
    else:
        image = origin.put("/b.png", png(180)) if reason == "another picture" else None
        desk.fetch_from("a", entry(text="Seoul", image=image))
    desk.publish()
    assert (shown(desk), files(desk)) == (None, set())
    assert copy() == (1 if reason == "another picture" else 0)


@pytest.mark.parametrize("lost", ["file", "folder"])
def test_a_picture_that_is_lost_is_fetched_again(
    desk: Books, origin: Origin, copy: Callable[..., int], lost: str
) -> None:
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", png())))
    desk.publish()
    copy()
    desk.publish()
    if lost == "file":
        (file,) = (desk.folder / "images").iterdir()
        file.unlink()
    else:
        desk.folder = desk.folder.with_name("elsewhere")
    desk.publish()
    assert shown(desk) is None
    assert copy() == 1
    desk.publish()
    assert shown(desk)


def replace_policy(source: object) -> object:
    return source.model_copy(update={"policy": "headline"})


def test_a_picture_goes_with_the_last_story_that_shows_it(
    desk: Books, origin: Origin, copy: Callable[..., int]
) -> None:
    url = origin.put("/a.png", png())
    for name in ("one", "two"):
        desk.fetch_from("a", entry(name, text=f"Seoul {name}", image=url))
    desk.publish()
    copy()
    editor.merge(desk.db, desk.story_of("Headline one"), [desk.story_of("Headline two")])
    desk.publish()
    assert len(files(desk)) == 1
    desk.fetch_from("a")
    prune(desk.db, before=NOON + HOUR)
    desk.publish()
    assert files(desk) == set()


def test_without_the_setting_nothing_is_fetched_and_what_was_goes(
    desk: Books, origin: Origin, copy: Callable[..., int]
) -> None:
    desk.fetch_from("a", entry(text="Seoul", image=origin.put("/a.png", png())))
    desk.publish()
    copy()
    desk.publish()
    desk.configure(output=Output())
    desk.publish()
    assert (shown(desk), files(desk)) == (None, set())
    assert copy() == 0


def test_a_pass_fetches_the_pictures_of_what_it_publishes(tmp_path: Path, origin: Origin) -> None:
    origin.put("/p.png", png())
    item = (
        "<item><title>A ship in the harbour</title><link>https://one.example/1</link>"
        "<pubDate>Wed, 27 Nov 2024 09:00:00 GMT</pubDate><description>It came at noon.</description>"
        f'<media:thumbnail url="{origin.url("/p.png")}"/></item>'
    )
    feed = (
        '<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"><channel><title>One</title>'
        f"<link>https://one.example/</link>{item}</channel></rss>"
    )
    topics = "topics:\n  - {id: sea, title: The sea, match: ship, max_age: 20000d}\n"
    config = configure(tmp_path, {"one": origin.put("/one.xml", feed)}, topics=topics)
    settings = config / "aggregator.yaml"
    settings.write_text(settings.read_text().replace("output: {", "output: {images: copy, "))
    assert aggregator("--config", config, "update").returncode == 0
    assert origin.paths() == ["/one.xml", "/p.png"]
    (page,) = (tmp_path / "feeds" / "stories").iterdir()
    (file,) = (tmp_path / "feeds" / "images").iterdir()
    assert f'<img src="http://127.0.0.1:8080/images/{file.name}"' in page.read_text()
    assert aggregator("--config", config, "update", "--all").returncode == 0
    assert origin.paths() == ["/one.xml"]
