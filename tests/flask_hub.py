"""Somebody else's hub (Flask-WebSub) on loopback: `python flask_hub.py DATABASE` prints its address.

Its Celery tasks run where they are called: each request is worked on before it is answered.
"""

from __future__ import annotations

import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from celery import Celery
from flask import Flask
from flask_websub.hub import Hub, SQLite3HubStorage


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    celery = Celery("hub", broker="memory://")
    celery.conf.task_always_eager = True
    app = Flask("hub")
    app.config["PUBLISH_SUPPORTED"] = True
    hub = Hub(SQLite3HubStorage(sys.argv[1]), celery, PUBLISH_SUPPORTED=True)
    app.register_blueprint(hub.build_blueprint(url_prefix="/hub"))
    with make_server("127.0.0.1", 0, app, server_class=WSGIServer, handler_class=Quiet) as server:
        print(f"http://127.0.0.1:{server.server_port}/hub", flush=True)  # noqa: T201 (the tests read it)
        server.serve_forever()


if __name__ == "__main__":
    main()
