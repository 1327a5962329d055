"""How pages look: templates, style and script, each the owner's where they have their own.

Each page is one file that asks for nothing else: its style and a few lines of script (they turn UTC into the
reader's own zone and copy the address of a feed) stand in it, and a Content-Security-Policy allows these two by
their hash and no more.
"""

from __future__ import annotations

import re
import traceback
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    TemplateNotFound,
    TemplatesNotFound,
    TemplateSyntaxError,
)
from markupsafe import Markup

from aggregator import __version__
from aggregator.errors import PublishError
from aggregator.publish.content import TEMPLATES, legal

SHIPPED = "shipped"
"""Under this name a template of the owner's finds the one that it replaces: `shipped/story.html`."""
_ASSETS = {"style": "style.css", "script": "page.js"}
_HINT = "mend it, or move it out of output.templates to have the shipped one again"


class Design:
    """The shipped templates, or those of a folder before them.

    Raises PublishError, here and when rendering, that names file and line of what is wrong in the folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._environment = TEMPLATES.overlay(loader=_loader(folder)) if folder else TEMPLATES
        self._assets = {name: self._asset(file, name) for name, file in _ASSETS.items()}
        # Half of most pages: they come in when the rest was looked through
        self._places = {
            name: Markup(sha256(text.encode()).hexdigest()) for name, text in self._assets.items()
        }
        style, script = (_source_hash(self._assets[name]) for name in _ASSETS)
        self._policy = (
            f"default-src 'none'; style-src {style}; script-src {script}; img-src 'self' data:; "
            "base-uri 'none'; form-action 'none'"
        )

    def render(self, template: str, *, has_media: bool = False, **values: Any) -> bytes:
        """A page as the template says; with `has_media` it may play audio and video."""
        try:
            page = self._environment.get_template(template).render(
                {"is_private": False, **values},
                style=self._places["style"],
                script=self._places["script"],
                # Files of podcasts are told from one counting server to the next
                policy=self._policy + ("; media-src http: https:" if has_media else ""),
                version=__version__,
            )
        except Exception as error:
            if (blamed := self._blamed(error)) is None:
                raise
            raise blamed from error
        page = legal(page)
        for name, place in self._places.items():
            page = page.replace(place, self._assets[name])
        return page.encode()

    def check(self) -> None:
        """Compile every template of the folder."""
        if self._folder is None:
            return
        for name in FileSystemLoader(self._folder).list_templates():
            if name.endswith(".html"):
                try:
                    self._environment.get_template(name)
                except (TemplateSyntaxError, UnicodeDecodeError) as error:
                    raise self._blamed(error) or error from error

    def _blamed(self, error: Exception) -> PublishError | None:
        """What the owner should read of an error in one of their templates; None when it is not theirs."""
        if self._folder is None:
            return None
        if isinstance(error, TemplateSyntaxError) and error.filename:
            place = f"{error.filename}:{error.lineno}"
        else:
            frames = traceback.extract_tb(error.__traceback__)
            own = [frame for frame in frames if Path(frame.filename).is_relative_to(self._folder)]
            if not own:
                return None
            place = f"{own[-1].filename}:{own[-1].lineno}"
        missing = isinstance(error, TemplateNotFound) and not isinstance(error, TemplatesNotFound)
        words = f"there is no template {error}" if missing else str(error) or type(error).__name__
        return PublishError(f"{place}: {words}", hint=_HINT)

    def _asset(self, name: str, element: str) -> str:
        own = self._folder / name if self._folder else None
        try:
            if own and own.is_file():
                text = own.read_text("utf-8")
            else:
                text = (files("aggregator.publish") / "templates" / name).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PublishError(f"{own}: {error}", hint=_HINT) from error
        text = legal(text.strip().replace("\r\n", "\n"))
        if ends := re.search(rf"</{element}|<!--", text, re.IGNORECASE):
            line = text.count("\n", 0, ends.start()) + 1
            raise PublishError(f"{own}:{line}: {ends[0]} cannot stand inside a page's {element}", hint=_HINT)
        return text


@lru_cache(maxsize=2)
def design(folder: Path | None, _mark: str = "") -> Design:
    """The design of a folder; another `mark`, the digest of its files, means that they changed."""
    return Design(folder)


def _loader(folder: Path) -> BaseLoader:
    shipped = TEMPLATES.loader
    assert shipped is not None
    return ChoiceLoader([FileSystemLoader(folder), shipped, PrefixLoader({SHIPPED: shipped})])


def _source_hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
