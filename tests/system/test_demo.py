"""`scripts/demo` against a real server: all is well, and it tells when it is not."""

import base64
import os
import re
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.demo_parts.__main__ import FAILED, UNREACHABLE
from scripts.demo_parts.canary import Needles, new_canary
from scripts.demo_parts.protocol.identity import new_identity
from scripts.demo_parts.protocol.link import new_link
from tests.system.processes import PYTHON

ROOT = Path(__file__).parents[2]

WRONG_ARGUMENTS = 2

LEAKED = "canary-that-the-server-knows"

# `python -m server`, but where Yama keeps processes from looking into each other, the demo may.
SERVE = """
import ctypes, runpy
PR_SET_PTRACER, ANY = 0x59616D61, ctypes.c_ulong(2**64 - 1)
ctypes.CDLL(None).prctl(PR_SET_PTRACER, ANY, 0, 0, 0)
runpy.run_module("server", run_name="__main__")
"""


@dataclass
class Server:
    url: str
    pid: int
    log: Path
    data_dir: Path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server process, which has the leaked canary in its memory: in its environment."""
    folder = tmp_path_factory.mktemp("server")
    log, data_dir = folder / "log", folder / "data"
    settings = {"PORT": "0", "DATA_DIR": str(data_dir), "DEBUG": "true", "LEAKED": LEAKED}
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-c", SERVE],
            cwd=folder,
            env={"PATH": os.environ["PATH"], **PYTHON, **settings},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            assert process.stdout
            url = re.search(r"http://\S+", process.stdout.readline())
            assert url, log.read_text()
            yield Server(url[0], process.pid, log, data_dir)
        finally:
            process.terminate()


def demo(*arguments, cwd=ROOT):
    return subprocess.run(
        [ROOT / "scripts/demo", *map(str, arguments)],
        cwd=cwd,
        check=False,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1"},
    )


def verdicts(transcript):
    """Which mark each verdict has."""
    return {
        about: mark for mark, about in re.findall(r"^  (\S{4})  (.{16}) ", transcript, re.MULTILINE)
    }


def verdicts_marked(transcript, mark):
    return {about.strip() for about, given in verdicts(transcript).items() if given == mark}


@pytest.fixture(scope="module")
def run_with_everything(server):
    where = ("--log", server.log, "--data-dir", server.data_dir, "--pid", server.pid)
    return demo(server.url, *where)


def test_a_blind_server_passes_on_every_count(run_with_everything):
    assert run_with_everything.returncode == 0, run_with_everything.stdout
    assert run_with_everything.stderr == ""
    assert verdicts_marked(run_with_everything.stdout, "PASS") >= {
        *("messages", "file", "download notice", "typing", "return", "stranger", "leave"),
        *("cards", "safety number", "heads", "chains"),
        *("relayed", "/health", "/metrics", "/sessions", "log", "data folder", "memory"),
    }
    assert set(verdicts(run_with_everything.stdout).values()) == {"PASS"}


def test_the_transcript_tells_who_saw_what(run_with_everything):
    lines = run_with_everything.stdout.splitlines()

    told = next(line for line in lines if "Good morning, Bob." in line)

    cells = re.split(r"\s{2,}", told)
    assert cells[1:5] == ["alice", "all", *["Good morning, Bob. [canary]"] * 2]
    assert re.fullmatch(r"…[A-Za-z0-9_-]{12} [\d,]+ B", cells[5])
    assert any("Are you still there?" in line for line in lines)
    assert any("(on his return)" in line for line in lines)
    assert "canary-" not in run_with_everything.stdout


def test_a_server_that_knows_the_canary_fails(server, tmp_path):
    leaking = tmp_path / "log"
    plaintext = f"Good morning, Bob. {new_canary('', LEAKED).text}"
    leaking.write_bytes(b"decrypted: " + base64.b64encode(plaintext.encode()))

    # From another folder, with a relative path, and without --pid: it is found.
    run = demo(server.url, "--log", leaking.name, "--canary", LEAKED, cwd=tmp_path)

    assert run.returncode == FAILED
    assert verdicts_marked(run.stdout, "FAIL") == {"log", "memory"}
    assert verdicts_marked(run.stdout, "----") == {"data folder"}
    assert re.search(r"FAIL  log .*FOUND planted text as base64", run.stdout)
    assert re.search(rf"FAIL  memory +process {server.pid}, .*FOUND planted text as", run.stdout)
    assert run.stdout.splitlines()[-1].startswith("FAIL")


def test_without_a_server_the_demo_says_so():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        run = demo(url)

    assert run.returncode == UNREACHABLE
    assert f"no server answers at {url} (Connection refused)" in run.stderr
    assert run.stdout == ""


@pytest.mark.parametrize("link", ["hello", "http://localhost:3001/", "http://localhost:3001/#AQ"])
def test_what_is_no_link_is_refused(link):
    run = demo("--link", link)

    assert run.returncode == WRONG_ARGUMENTS
    assert "argument --link: this is no link to a session" in run.stderr


def test_a_session_that_is_not_there_cannot_be_joined(server):
    link = new_link(new_identity().member_id)

    run = demo("--link", f"{server.url}/#{link.fragment}")

    assert run.returncode == FAILED
    assert "hushwire: join-session was refused: session_not_found" in run.stderr


CANARY = new_canary("[it]", "canary-18e39b20b752c489")


@pytest.mark.parametrize(
    "form",
    [
        CANARY.text.encode(),
        CANARY.stem.encode("utf-16-le"),
        CANARY.text.encode("utf-16-be"),
        CANARY.text.encode("utf-32-le"),
        CANARY.text.encode("ascii", "backslashreplace"),
        CANARY.text.encode().hex().encode(),
        CANARY.text.encode().hex().upper().encode(),
        *(base64.b64encode(b"x" * count + CANARY.text.encode()) for count in range(3)),
        *(base64.urlsafe_b64encode(b"x" * count + CANARY.text.encode()) for count in range(3)),
    ],
)
def test_planted_text_is_found_in_any_form(form):
    needles = Needles([CANARY])
    assert needles.found_in(b"before " + form + b" after")
    assert not needles.found_in(b"before " + new_canary("").text.encode() + b" after")
