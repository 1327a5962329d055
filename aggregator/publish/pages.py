"""The pages people read: a topic, a story, the index, and where a merged story went.

Each page is one file that asks for nothing else: its style and a few lines of script (they only turn UTC into
the reader's own zone) stand in it, and a Content-Security-Policy allows these two by their hash and no more.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from aggregator import __version__
from aggregator.model import Channel, Story
from aggregator.publish.content import TEMPLATES, legal
from aggregator.publish.items import Front


def topic_page(channel: Channel, *, home: str) -> bytes:
    """A topic's stories, newest first, with links to subscribe; `home` is the index."""
    return _render("topic.html", channel=channel, home=home, is_private=channel.is_private)


def story_page(story: Story, *, url: str, topics: Sequence[Channel], site_title: str, home: str) -> bytes:
    """One story: headline, times, highlights, the story with its sources, opinions, coverage, and an end.

    `topics` are those whose feeds hold it; `home` is the index.
    """
    is_private = any(topic.is_private for topic in topics)
    return _render(
        "story.html",
        story=story,
        url=url,
        topics=topics,
        site_title=site_title,
        home=home,
        is_private=is_private,
    )


def index_page(fronts: Sequence[Front], *, site_title: str, base_url: str) -> bytes:
    """Every topic with its newest headlines and links to subscribe; `base_url` ends in a slash."""
    return _render("index.html", fronts=fronts, site_title=site_title, home=base_url)


def moved_page(target: str, title: str) -> bytes:
    """What stays at the address of a story that was merged into the one at `target`."""
    return _render("moved.html", target=target, title=title)


def _render(template: str, **values: Any) -> bytes:
    given = {
        "is_private": False,
        "style": _STYLE,
        "script": _SCRIPT,
        "policy": _POLICY,
        "version": __version__,
    }
    page = TEMPLATES.get_template(template).render(given | values)
    return legal(page).encode()


def _asset(name: str) -> Markup:
    return Markup((files("aggregator.publish") / "templates" / name).read_text("utf-8").strip())


def _source_hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


_STYLE = _asset("style.css")
_SCRIPT = _asset("times.js")
_POLICY = (
    f"default-src 'none'; style-src {_source_hash(_STYLE)}; script-src {_source_hash(_SCRIPT)}; "
    "img-src data:; base-uri 'none'; form-action 'none'"
)
