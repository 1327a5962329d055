"""A scripted HTTP server on loopback: a path has an answer, every request is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from loopback import Handler, Server, answering


@dataclass(frozen=True)
class Answer:
    """What a path answers. With an `etag`, a request that names it gets 304."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: str | None = None
    held: Event | None = None
    """The answer waits for this event."""


@dataclass(frozen=True)
class Asked:
    """A request as it came in; header names are in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes = b""
    """What a POST brought."""


@dataclass
class Origin:
    """The server's script, and the log of what it was asked."""

    address: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[Asked] = field(default_factory=list)
    reached: Event = field(default_factory=Event)
    """Set by the first request."""

    def url(self, path: str) -> str:
        return self.address + path

    def put(self, path: str, body: str | bytes = b"", **answer: Any) -> str:
        """Give a path its answer; returns its URL."""
        self.answers[path] = Answer(body.encode() if isinstance(body, str) else body, **answer)
        return self.url(path)

    def paths(self) -> list[str]:
        """The paths that were asked for, in order; forgotten by this call."""
        paths = [asked.path for asked in self.requests]
        self.requests.clear()
        return paths


@contextmanager
def serving_origin() -> Iterator[Origin]:
    """A server on a free port, until the block ends."""
    origin = Origin()

    class Scripted(Handler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            size = int(headers.get("content-length", "0"))
            origin.requests.append(Asked(self.path, headers, self.rfile.read(size)))
            origin.reached.set()
            answer = origin.answers.get(self.path, Answer(status=404))
            if answer.held is not None:
                answer.held.wait(60)
            if answer.etag is not None and headers.get("if-none-match") == answer.etag:
                answer = Answer(status=304, etag=answer.etag)
            validator = {"ETag": answer.etag} if answer.etag is not None else {}
            self.answer(answer.status, answer.body, {**answer.headers, **validator})

        do_POST = do_GET

    with answering(Server(Scripted)) as origin.address:
        yield origin


def rss(title: str, *items: Mapping[str, str]) -> str:
    """An RSS 2.0 document. An item's `link` is its guid too unless it has one; `date` is RFC 822."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0"><channel><title>{escape(title)}</title><link>https://{title.lower()}.example/</link>
{"".join(map(_item, items))}</channel></rss>"""


def _item(item: Mapping[str, str]) -> str:
    fields = {
        "title": item["title"],
        "link": item["link"],
        "guid": item.get("guid", item["link"]),
        "pubDate": item.get("date", "Wed, 27 Nov 2024 09:00:00 GMT"),
        "description": item.get("text", ""),
    }
    elements = [f"<{name}>{escape(value)}</{name}>" for name, value in fields.items()]
    if "author" in item:
        elements.append(
            f"<creator xmlns='http://purl.org/dc/elements/1.1/'>{escape(item['author'])}</creator>"
        )
    if "image" in item:
        picture = f"url={quoteattr(item['image'])} medium='image'"
        elements.append(f"<content xmlns='http://search.yahoo.com/mrss/' {picture}/>")
    return f"<item>{''.join(elements)}</item>\n"
