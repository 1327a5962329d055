"""The published folder over HTTP: static files, compressed for who asks for it, with the headers of feeds."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.errors import PublishError, UsageError
from aggregator.publish.coding import SUFFIXES, Coding, beside, encode
from aggregator.publish.places import MISSING, PICTURES, PRIVATE
from aggregator.websub.agreement import PATH
from aggregator.websub.callback import Callbacks, TooLarge

_DELIVERY_SECONDS = 60
_MEDIA_TYPES = {
    "rss.xml": "application/rss+xml; charset=utf-8",
    "atom.xml": "application/atom+xml; charset=utf-8",
    "feed.json": "application/feed+json; charset=utf-8",
    ".xml": "application/xml; charset=utf-8",
    ".json": "application/json",
    ".opml": "text/x-opml; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".avif": "image/avif",
    ".webp": "image/webp",
    ".gz": "application/gzip",
    ".br": "application/octet-stream",
}
"""By name, else by its end: the same on every machine."""
_TEXTS = (".html", ".xml", ".json", ".opml")
_FEEDS = (".xml", ".json", ".opml")
_MAY_CHANGE = "public, max-age=60, must-revalidate"
_FOR_ONE = "private, max-age=60, must-revalidate"
_NEVER_CHANGES = "public, max-age=31536000, immutable"
_LARGEST_ENCODED = 4_000_000
_NO_ADDRESS = re.compile(r"//|/\.(?!well-known/)|[\\\0]")
_ARCHIVED = re.compile(r"-\d+-\d+(?=\.\w+$)")
_PICTURE = re.compile(r"[0-9a-f]{32}\.\w+")
_WEIGHT = re.compile(r"q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")
_CORS = {"access-control-allow-origin": "*", "access-control-expose-headers": "ETag"}
_PREFLIGHT = {
    **_CORS,
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "*",
    "access-control-max-age": "86400",
}
_HEADERS = (
    # The pages allow less themselves: those of an earlier version have a style and a script of their own
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self' data:;"
        b" media-src http: https:;"
        b" base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)


class _Guarded:
    """Adds to every answer what browsers must not do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        await self._app(scope, receive, send_guarded)


class _OneFile(FileResponse):
    """The file that is there when the answer begins, to its end, though another takes its name meanwhile."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            file = open(self.path, "rb")  # noqa: SIM115 (closed by the with below: only the opening may fail with 404)
        except FileNotFoundError as error:  # removed meanwhile
            raise HTTPException(404) from error
        with file:
            self.path, self.stat_result = f"/dev/fd/{file.fileno()}", os.fstat(file.fileno())
            for name in ("content-length", "last-modified", "etag"):
                del self.headers[name]
            self.set_stat_headers(self.stat_result)
            await super().__call__(scope, receive, send)


class _Publications(StaticFiles):
    """Files with ETag and Last-Modified; conditional and range requests are Starlette's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True)
        self._folder = folder

    async def check_config(self) -> None:
        """A folder that was removed meanwhile is no fault of the program: it has nothing until it is back."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at an address, else the page that says that there is none."""
        try:
            response = await self._at(path, scope)
        except HTTPException as error:
            if error.status_code != 404:
                raise
            response = PlainTextResponse("Not Found", 404)
        if response.status_code == 404:
            with suppress(OSError):
                return HTMLResponse((self._folder / MISSING).read_bytes(), 404)
        return response

    async def _at(self, path: str, scope: Scope) -> Response:
        """One address for each file: no empty segment, none that begins with a dot, no slash behind it."""
        asked = PurePosixPath(scope["path"])
        if _NO_ADDRESS.search(scope["path"]):
            raise HTTPException(404)
        is_folder = scope["path"].endswith("/")
        if scope["method"] == "OPTIONS" and asked.suffix in _FEEDS and not is_folder:
            return Response(status_code=204, headers=_PREFLIGHT)
        if is_folder:
            path = os.path.join(path, "index.html")
        response = await super().get_response(path, scope)
        if isinstance(response, RedirectResponse):
            # Without the host: a proxy before this server knows better which it is
            response.headers["location"] = quote(f"{asked}/")
        return response

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        """The file, or what it holds in the coding that the client prefers; a range is always of the file."""
        path, asked = Path(full_path), Headers(scope=scope)
        response: Response | None = None
        if path.suffix in _TEXTS and "range" not in asked and stat_result.st_size <= _LARGEST_ENCODED:
            response = _encoded(path, stat_result, ", ".join(asked.getlist("accept-encoding")))
        response = response or _OneFile(path, status_code=status_code, stat_result=stat_result)
        response.headers.update(_headers(path))
        if self.is_not_modified(response.headers, asked):
            response = NotModifiedResponse(response.headers)
            response.headers.update(_CORS if path.suffix in _FEEDS else {})
        return response


def preferred_coding(accepted: str) -> Coding | None:
    """The coding that an Accept-Encoding wants most, None where it wants none (RFC 9110 §12.5.3)."""
    weights: dict[str, float] = {}
    for member in accepted.lower().split(","):
        name, *parameters = (part.strip() for part in member.split(";"))
        found = [_WEIGHT.fullmatch(parameter) for parameter in parameters]
        if all(found):
            weights[name.removeprefix("x-")] = min((float(match[1]) for match in found if match), default=1.0)
    others = weights.get("*", 0.0)
    best = max(SUFFIXES, key=lambda coding: weights.get(coding, others))
    weight = weights.get(best, others)
    return best if weight > 0 and weight >= weights.get("identity", 0.0) else None


def _encoded(path: Path, plain: os.stat_result, accepted: str) -> Response | None:
    coding = preferred_coding(accepted)
    if coding is None:
        return None
    try:
        response = Response(_in_coding(path, plain.st_mtime_ns, plain.st_size, coding))
    except FileNotFoundError as error:  # removed meanwhile
        raise HTTPException(404) from error
    response.headers["content-encoding"] = coding
    # Another than that of the file: a validator is of one representation (RFC 9110 §8.8.3.3)
    response.headers["etag"] = f'"{plain.st_mtime_ns:x}-{plain.st_size:x}-{coding}"'
    response.headers["last-modified"] = formatdate(plain.st_mtime, usegmt=True)
    return response


@lru_cache(maxsize=128)
def _in_coding(path: Path, changed: int, _size: int, coding: Coding) -> bytes:
    """What the file holds: its copy beside it, else made here; what was asked for before is kept."""
    copy = beside(path, SUFFIXES[coding])
    with suppress(FileNotFoundError):
        if copy.stat().st_mtime_ns >= changed:
            return copy.read_bytes()
    return encode(path.read_bytes(), coding)


def _headers(path: Path) -> dict[str, str]:
    name, archived = _ARCHIVED.subn("", path.name)
    is_fixed = (
        bool(archived)
        if path.parent.name == "archive"
        else path.parent.name == PICTURES and _PICTURE.fullmatch(name)
    )
    headers = {"cache-control": _NEVER_CHANGES if is_fixed else _MAY_CHANGE}
    if PRIVATE in path.parts:
        headers["cache-control"] = _FOR_ONE
    if path.suffix in _TEXTS:
        headers["vary"] = "Accept-Encoding"
    if path.suffix in _FEEDS:
        headers |= _CORS
    if media_type := _MEDIA_TYPES.get(name) or _MEDIA_TYPES.get(path.suffix):
        headers["content-type"] = media_type
    return headers


def _callback_routes(callbacks: Callbacks) -> list[BaseRoute]:
    """Where hubs verify and deliver: what they say is checked, and left to the daemon."""

    async def verify(request: Request) -> Response:
        answer = callbacks.verify(request.path_params["token"], request.query_params)
        return Response(status_code=answer) if isinstance(answer, int) else PlainTextResponse(answer)

    async def deliver(request: Request) -> Response:
        reception = callbacks.receive(request.path_params["token"], request.headers)
        if isinstance(reception, int):
            return Response(status_code=reception)
        try:
            async with asyncio.timeout(_DELIVERY_SECONDS):
                async for data in request.stream():
                    reception.write(data)
        except TooLarge:
            return Response(status_code=413)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        except OSError:
            return Response(status_code=503)
        reception.end()
        return Response(status_code=202)

    path = f"/{PATH}{{token}}"
    return [Route(path, verify, methods=["GET"]), Route(path, deliver, methods=["POST"])]


@contextmanager
def serving(folder: Path, listen: str, callbacks: Callbacks | None = None) -> Iterator[str]:
    """Serve a folder until the block ends; yields the address, `http://host:port/`.

    `listen` is `host:port`; port 0 takes a free one. With `callbacks`, hubs are heard too. Raises UsageError
    when the address is taken or not ours, PublishError when there is no folder and none can be made.
    """
    host, _, port = listen.rpartition(":")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PublishError(
            f"{folder} cannot be made: {error.strerror or error}",
            hint="set output.directory in aggregator.yaml to a folder that this program may write to",
        ) from error
    with _bound(host.strip("[]"), int(port)) as bound:
        routes = _callback_routes(callbacks) if callbacks else []
        routes.append(Mount("/", _Publications(folder)))
        app = Starlette(routes=routes, middleware=[Middleware(_Guarded)])
        config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, name="web")
        thread.start()
        try:
            yield f"http://{host}:{bound.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join()


def _bound(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=128
        )
    except OSError as error:
        raise UsageError(
            # create_server adds the address to what the system says
            f"cannot listen on {host}:{port}: {str(error.strerror or error).partition(' (while ')[0]}",
            hint="set web.listen in aggregator.yaml to a free address and port",
        ) from error
