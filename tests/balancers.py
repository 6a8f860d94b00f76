"""Balancers in front of several nodes, as processes of their own, configured as the docs say."""

import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests.redis_servers import free_port

START_LIMIT_S = 30

_DOCS = Path(__file__).parents[1] / "docs/SCALING.md"

_NGINX = """
daemon off;
master_process off;  # it starts and ends in a fraction of the time
pid nginx.pid;
error_log error.log crit;
events { worker_connections 8192; }
http {
    client_body_temp_path client;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include hushwire.conf;
}
"""


@contextmanager
def nginx(ports: Sequence[int], *, is_sticky: bool = False) -> Iterator[str]:
    """Run nginx in front of nodes on these ports; its URL."""
    with _folder() as folder:
        port = free_port()
        (folder / "nginx.conf").write_text(_NGINX)
        found = documented("nginx", port, ports, is_sticky=is_sticky)
        (folder / "hushwire.conf").write_text(found)
        with _running("nginx", "-p", str(folder), "-c", "nginx.conf", "-e", "error.log", port=port):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def haproxy(ports: Sequence[int], *, is_sticky: bool = False) -> Iterator[str]:
    """Run HAProxy in front of nodes on these ports; its URL."""
    with _folder() as folder:
        port = free_port()
        found = documented("haproxy", port, ports, is_sticky=is_sticky)
        (folder / "haproxy.cfg").write_text(found)
        with _running("haproxy", "-db", "-q", "-f", str(folder / "haproxy.cfg"), port=port):
            yield f"http://127.0.0.1:{port}"


BALANCERS: dict[str, Callable[..., AbstractContextManager[str]]] = {
    "nginx": nginx,
    "haproxy": haproxy,
}


def documented(name: str, port: int, ports: Sequence[int], *, is_sticky: bool) -> str:
    """The configuration that the docs have, with other ports, and perhaps sticky as it says."""
    (found,) = re.findall(rf"^```{name}\n(.*?)^```", _DOCS.read_text(), re.DOTALL | re.MULTILINE)
    text: str = found
    text = re.sub(
        r"^    (listen|bind) (?:\*?:)?80\b", rf"    \1 127.0.0.1:{port}", text, flags=re.MULTILINE
    )
    for number, one in enumerate(ports, start=1):
        text = text.replace(f"10.0.0.{number}:3001", f"127.0.0.1:{one}")
    # Where there are fewer nodes than in the docs.
    text = re.sub(r"^    server .*10\.0\.0\..*\n", "", text, flags=re.MULTILINE)
    return (
        re.sub(r"^    # ((?:hash|balance)\b)", r"    \1", text, flags=re.MULTILINE)
        if is_sticky
        else text
    )


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hushwire-balancer-") as folder:
        yield Path(folder)


@contextmanager
def _running(*command: str, port: int) -> Iterator[None]:
    """Run a program until it listens on this port, and as long as it is needed.

    Raises:
        RuntimeError: It is not installed, or does not start.
    """
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"the tests need {command[0]}: apt-get install {command[0]}")
    process = subprocess.Popen(command)
    try:
        _wait_for(process, port)
        yield
    finally:
        process.kill()  # to end in order takes longer than many a test
        process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.002)
        else:
            return
