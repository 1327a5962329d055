"""Our reading of real and of difficult documents, next to feedparser's own."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from aggregator.harvest.source import read
from aggregator.model import Entry, Harvest, Request, Response, SourceId
from aggregator.text.html import one_line
from aggregator.url import absolute

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
URL = "http://127.0.0.1:8097/x.xml"
NOW = datetime(2026, 11, 24, tzinfo=UTC)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/corpus"),
]

# The same entry stands twice in the document: same guid, or none and the same link
REPEATED = {
    "Rss092FullSample.xml": 1,
    "Rss20LeFigaro.xml": 1,
    "http-www.microsoft.com-feeds-msdn-en-us-rss.xml": 30,
    "entry_link_no_href_link_priority.xml": 1,
    "entry_link_rel_enclosure_no_href.xml": 1,
    "entry_content_xml_lang_blank_3.xml": 1,
    "atom10_arbitrary_element.xml": 1,
    "atom10_id.xml": 1,
    "atom10_title.xml": 1,
}
# Documents in which a title or a link differs, with the reason
DIFFERENT = {
    "entry_title_base64.xml": "markup packed into base64 is not unpacked a second time",
    "entry_title_base64_2.xml": "markup packed into base64 is not unpacked a second time",
    "entry_title_crazy.xml": "a whole page as a title: feedparser drops the declaration and the head",
    "http_entry_id_base_content_location.xml": "a relative id is no link",
    "http_entry_id_base_docuri.xml": "a relative id is no link",
}


def harvest(document: bytes, content_type: str = "application/xml") -> Harvest:
    response = Response(URL, 200, {"content-type": content_type}, document)
    return read(Request(SourceId("s"), URL), response, now=NOW)


def indexed(folder: str) -> Iterator[dict[str, str]]:
    with (CORPUS / "INDEX.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        yield from (row for row in rows if row["path"].startswith(f"{folder}/"))


@pytest.mark.parametrize("folder", ["real", "derived"])
def test_a_document_has_as_many_entries_as_feedparser_alone_reads(folder: str) -> None:
    found, expected = {}, {}
    for row in indexed(folder):
        count = row["entries_feedparser6"]
        if not count.isdigit() or int(count) == 0:  # no feed, or JSON, which feedparser 6 does not know
            continue
        path = CORPUS / row["path"]
        expected[row["path"]] = int(count) - REPEATED.get(path.name, 0)
        found[row["path"]] = len(harvest(path.read_bytes()).entries)
    assert found == expected
    assert len(expected) > 30


def test_json_feeds_are_read_too() -> None:
    documents = sorted((CORPUS / "real").rglob("*json*.json"))
    assert [len(harvest(path.read_bytes()).entries) > 0 for path in documents] == [True] * len(documents)


def content_type(document: bytes) -> str:
    """The header that a test document of feedparser wants to be served with."""
    found = re.search(r"Header:\s*Content-type:\s*(.*)", document[:4000].decode("latin-1"), re.IGNORECASE)
    return found[1].strip() if found else "application/xml"


def differences(entry: Any, ours: Entry) -> Iterator[str]:
    title = dict.get(entry, "title") or ""
    is_html = dict.get(dict.get(entry, "title_detail") or {}, "type") != "text/plain"
    if title and one_line(title, is_html=is_html)[:400] != ours.title[:400]:
        yield "title"
    if absolute(dict.get(entry, "link"), URL) != ours.url:
        yield "link"
    if (dict.get(entry, "id") or None) != ours.guid:
        yield "id"


def test_feedparsers_own_test_documents_read_alike_and_break_nothing() -> None:
    different, repeated = set(), Counter[str]()
    entries = 0
    for path in sorted((CORPUS / "feedparser").rglob("*.xml")):
        document = path.read_bytes()
        headers = {"content-location": URL, "content-type": content_type(document)}
        theirs = feedparser.parse(io.BytesIO(document), response_headers=headers).entries
        ours = harvest(document, content_type(document)).entries
        repeated[path.name] = len(theirs) - len(ours)
        if len(theirs) == len(ours):
            entries += len(ours)
            if any([*differences(entry, own)] for entry, own in zip(theirs, ours, strict=True)):
                different.add(path.name)
    assert different == DIFFERENT.keys()
    assert +repeated == {name: repeated[name] for name in REPEATED if name in repeated}
    assert entries > 1000
