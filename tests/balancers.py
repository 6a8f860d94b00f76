"""nginx in front of several nodes, as a process of its own."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_LIMIT_S = 10

_NGINX = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path client;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {configuration}
}}
"""


@contextmanager
def nginx(port: int, configuration: str) -> Iterator[None]:
    """Run nginx with this configuration inside of its block `http`, which listens on this port."""
    with tempfile.TemporaryDirectory(prefix="hushwire-nginx-") as folder:
        Path(folder, "nginx.conf").write_text(_NGINX.format(configuration=configuration))
        command = ["nginx", "-p", folder, "-c", "nginx.conf", "-e", "error.log"]
        with balancer(port, command):
            yield


@contextmanager
def balancer(port: int, command: Sequence[str]) -> Iterator[None]:
    """Run a balancer that listens on this port.

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
        process.terminate()
        process.wait(10)


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{process.args!r} did not start") from None
            time.sleep(0.002)
