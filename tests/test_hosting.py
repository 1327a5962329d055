"""The examples of docs/hosting.md: other servers send what the built-in one sends, scripts copy what is published."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from program import started, until
from test_docs import blocks, read

from aggregator.publish.files import write_if_changed
from aggregator.serve import serving

EXAMPLES = blocks(read("docs/hosting.md"))
FILES = (
    *("index.html", "404.html", "topics.opml", "topic/index.html", "stories/abc.html"),
    *("topic/rss.xml", "topic/atom.xml", "topic/feed.json"),
    *("topic/archive/rss-1-50.xml", "topic/archive/atom-1-50.xml", "topic/archive/feed-2-7.json"),
    *(
        f"images/{'0f' * 16}.png",
        f"images/{'f0' * 16}.jpg",
        f"images/{'f1' * 16}.avif",
        f"images/{'1f' * 16}.webp",
    ),
    *("private/0123456789abcdef/rss.xml", "private/0123456789abcdef/stories/abc.html"),
)
PUBLIC = {name for name in FILES if not name.startswith("private/")}
HEADERS = (
    *("content-type", "content-encoding", "cache-control", "access-control-allow-origin"),
    "x-content-type-options",
)
BROTLI = Path("/usr/lib/nginx/modules/ngx_http_brotli_static_module.so")


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def feeds(tmp_path: Path) -> Path:
    """A published folder, with compressed copies and what is not for readers."""
    folder = tmp_path / "feeds"
    for name in FILES:
        compress = () if name.startswith("images/") else ("gzip",)
        write_if_changed(folder / name, f"{name} ".encode() * 50, compress=compress)
    (folder / ".topic.part").write_bytes(b"half")
    return folder


def example(language: str, number: int = 0) -> str:
    return [text for name, text in EXAMPLES if name == language][number]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def nginx(folder: Path, feeds: Path, port: int) -> Iterator[None]:
    text = example("nginx").replace("/var/lib/feed-aggregator/feeds", str(feeds))
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    modules = f"load_module {BROTLI};" if BROTLI.exists() else ""
    text = text if modules else text.replace("brotli_static on;", "")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"{modules} daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}\n"
        f"http {{ include /etc/nginx/mime.types; access_log off;\n{temporary}{text}}}\n"
    )
    with started(folder / "said", "-e", "stderr", "-c", config, command=["nginx"]):
        yield


@contextmanager
def caddy(folder: Path, feeds: Path, port: int) -> Iterator[None]:
    text = example("caddy").replace("/var/lib/feed-aggregator/feeds", str(feeds))
    text = text.replace("feeds.example.org {", f"http://127.0.0.1:{port} {{\n    bind 127.0.0.1")
    config = folder / "Caddyfile"
    config.write_text(f"{{\n    admin off\n}}\n{text}")
    run = ["env", f"HOME={folder}", "caddy", "run", "--adapter", "caddyfile", "--config", str(config)]
    with started(folder / "said", command=run):
        yield


def answer(port: int, path: str, coding: str) -> tuple[int, dict[str, str | None], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path, headers={"Accept-Encoding": coding})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, {name: response.getheader(name) for name in HEADERS}, body


@pytest.mark.parametrize(
    "server", [pytest.param(nginx, marks=needs("nginx")), pytest.param(caddy, marks=needs("caddy"))]
)
def test_another_server_sends_what_the_built_in_one_sends(
    server: object, tmp_path: Path, feeds: Path
) -> None:
    port = free_port()
    with serving(feeds, "127.0.0.1:0") as address, server(tmp_path, feeds, port):  # type: ignore[operator]
        own = int(address.rstrip("/").rpartition(":")[2])
        until(lambda: _listens(port), "the server", seconds=10)
        for name in (*FILES, "", "topic/"):
            for coding in ("identity", "gzip"):
                assert answer(port, f"/{name}", coding) == answer(own, f"/{name}", coding), (name, coding)
        for hidden in ("/.topic.part", "/nothing.xml", "/topic/archive/rss-9-9.xml"):
            status, headers, body = answer(port, hidden, "identity")
            assert status in (403, 404)
            assert "immutable" not in (headers["cache-control"] or "")
            assert body == (feeds / "404.html").read_bytes()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(folder: Path, script: str, **environ: str) -> None:
    done = subprocess.run(
        ["sh", "-e", "-c", script], cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@needs("git")
def test_what_is_published_goes_to_a_repository_without_private_topics(tmp_path: Path, feeds: Path) -> None:
    script = example("sh").replace("/var/lib/feed-aggregator", str(tmp_path))
    script = script.replace("git@github.com:NAME/REPOSITORY.git", str(tmp_path / "remote.git"))
    person = {
        f"GIT_{who}_{what}": "a@a.example" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    run(tmp_path, "git init --quiet --bare --initial-branch=main remote.git")
    for _ in range(2):
        run(tmp_path, script, **person)
    (feeds / "stories/abc.html").unlink()
    run(tmp_path, script, **person)

    def git(*args: str) -> list[str]:
        command = ["git", "--git-dir", str(tmp_path / "remote.git"), *args]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    assert len(git("log", "--oneline", "main")) == 2
    held = {name for name in git("ls-tree", "-r", "--name-only", "main") if not name.endswith(".gz")}
    assert held == {*PUBLIC, ".nojekyll"} - {"stories/abc.html"}


@needs("rclone")
@pytest.mark.usefixtures("feeds")
def test_what_is_published_goes_to_a_bucket_each_file_with_its_type(tmp_path: Path) -> None:
    script = example("sh", 1).replace("/var/lib/feed-aggregator", str(tmp_path))
    (tmp_path / "rclone.conf").write_text(f"[remote]\ntype = alias\nremote = {tmp_path}/bucket\n")
    run(tmp_path, script, RCLONE_CONFIG=str(tmp_path / "rclone.conf"))
    assert listed(tmp_path / "bucket/feeds.example.org") == set(FILES)
    # The last command names no type: what is left for it is private, and the copies, which are of no use there
    *steps, _last = script.splitlines()
    shutil.rmtree(tmp_path / "bucket")
    run(tmp_path, "\n".join(steps), RCLONE_CONFIG=str(tmp_path / "rclone.conf"))
    assert listed(tmp_path / "bucket/feeds.example.org") == PUBLIC


def listed(folder: Path) -> set[str]:
    """The files below a folder, compressed copies aside."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".gz")
    return {str(path.relative_to(folder)) for path in paths}
