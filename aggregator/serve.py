"""The published folder over HTTP: static files with the media types of feeds."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from aggregator.errors import UsageError
from aggregator.websub.agreement import PATH
from aggregator.websub.callback import Callbacks, TooLarge

_DELIVERY_SECONDS = 60
_MEDIA_TYPES = {
    "rss.xml": "application/rss+xml; charset=utf-8",
    "atom.xml": "application/atom+xml; charset=utf-8",
    "feed.json": "application/feed+json; charset=utf-8",
    "topics.opml": "text/x-opml; charset=utf-8",
}


_HEADERS = (
    # The pages allow less themselves: those of an earlier version have a style and a script of their own
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
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


class _Publications(StaticFiles):
    """Files with ETag and Last-Modified; conditional and range requests are Starlette's."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)
        if media_type := _MEDIA_TYPES.get(os.path.basename(full_path)):
            response.headers["content-type"] = media_type
        return response


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
    when the address is taken or not ours.
    """
    host, _, port = listen.rpartition(":")
    folder.mkdir(parents=True, exist_ok=True)
    with _bound(host.strip("[]"), int(port)) as bound:
        routes = _callback_routes(callbacks) if callbacks else []
        routes.append(Mount("/", _Publications(directory=folder, html=True)))
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
