"""`scripts/demo --secure-chat`: on a server of its own, and on one that runs."""

import base64
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from urllib.parse import urlsplit

import pytest

from scripts.audit_parts.forms import Secret
from scripts.demo_parts.canary import new_canary
from scripts.demo_parts.secure_chat.memory import look_at_memory
from scripts.demo_parts.secure_chat.play import FAILED
from server.administration import Server
from tests.postgres_servers import binaries, new_database
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, SECRET
from tests.system.demos import LEAKED, run_demo, verdicts_marked
from tests.system.processes import server_process

STORY = {
    *("login", "keys", "signed prekey", "X3DH", "offline", "one-time", "receipts"),
    *("acknowledged", "messages", "rotation", "devices", "both", "revocation", "left out"),
    *("tokens", "relayed"),
}
PAGES = {"/metrics", "/health", "/sessions"}
PLACES = {"database", "data folder", "log", "control", "memory", *PAGES}

demo = partial(run_demo, "--secure-chat")


def is_listening(url):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) == 0


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis"])
def run(request):
    if request.param == "sqlite":
        return demo()
    path = f"{binaries()}:{os.environ['PATH']}"
    return demo(DATABASE_URL=new_database(), REDIS_URL=shared_redis().url, PATH=path)


def test_its_own_server_passes_on_every_count_and_ends(run):
    assert run.returncode == 0, (run.stdout, run.stderr)
    assert run.stderr == ""
    has_redis = "PASS  Redis" in run.stdout
    assert verdicts_marked(run, "PASS") == STORY | PLACES | {"backup"} | (
        {"Redis"} if has_redis else set()
    )
    assert verdicts_marked(run, "----") == (set() if has_redis else {"Redis"})
    assert run.stdout.splitlines()[-1].startswith("PASS: ")
    url = re.search(r"http://127\.0\.0\.1:\d+", run.stdout)
    assert url
    assert not is_listening(url[0])


def test_the_transcript_tells_who_saw_what(run):
    lines = run.stdout.splitlines()

    told = next(line for line in lines if "It cannot. 52.5 N" in line)

    cells = re.split(r"\s{2,}", told)
    assert cells[1:5] == ["alice", "bob", *["It cannot. 52.5 N, 13.4 E."] * 2]
    assert re.fullmatch(r"….{12} [\d,]+ B", cells[5])
    assert "canary-" not in run.stdout
    assert any("revokes his phone" in line for line in lines)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with server_process(folder, JWT_SECRET=SECRET, ADMIN_TOKEN=ADMIN_TOKEN) as one:
        yield one


@pytest.fixture
def token_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(ADMIN_TOKEN)
    return file


def test_a_server_that_runs_is_examined_where_its_operator_says(server, token_file):
    log = next(server.data.parent.glob("log-*"))

    run = demo(
        server.url, "--data-dir", server.data, "--log", log, "--admin-token-file", token_file
    )

    assert run.returncode == 0, (run.stdout, run.stderr)
    assert verdicts_marked(run, "PASS") == STORY | PLACES
    accounts = Server(server.url, ADMIN_TOKEN).ask("GET", "/api/admin/accounts")["data"]
    assert accounts["accounts"] == []


def test_of_a_server_elsewhere_it_says_what_was_not_looked_at(server, token_file):
    run = demo(server.url, "--admin-token-file", token_file)

    assert run.returncode == 0, (run.stdout, run.stderr)
    assert verdicts_marked(run, "PASS") == STORY | PAGES | {"memory"}
    assert verdicts_marked(run, "----") == {"database"}


def test_a_server_that_knows_the_canary_fails(server, token_file):
    plaintext = f"Good morning, Bob. {new_canary('', LEAKED).text}"
    leak = server.data / "leak"
    leak.write_bytes(b"x" + base64.b64encode(plaintext.encode()))
    where = ("--data-dir", server.data, "--admin-token-file", token_file)

    run = demo(server.url, *where, "--canary", LEAKED)
    leak.unlink()

    assert run.returncode == FAILED
    assert verdicts_marked(run, "FAIL") == {"data folder"}
    assert re.search(r"FAIL data folder .*FOUND a message as base64", " ".join(run.stdout.split()))
    assert run.stdout.splitlines()[-1].startswith("FAIL")
    assert LEAKED not in run.stdout


LISTENS = """
import socket, sys
with socket.create_server(("127.0.0.1", 0)) as listening:
    print(listening.getsockname()[1], flush=True)
    sys.stdin.read()
"""

CONTROL = "ciphertext of a message"


@contextmanager
def process_with(*texts):
    """The URL of a process that has these in its memory."""
    command = [sys.executable, "-c", LISTENS, *texts]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


def looked_at(*texts):
    secrets = [Secret("a message", LEAKED), Secret("a private key", b"k" * 32)]
    with process_with(*texts) as url:
        return look_at_memory(url, secrets, CONTROL)


def test_what_stands_in_the_memory_of_the_server_is_found():
    written = base64.b64encode(LEAKED.encode()).decode()

    assert looked_at(CONTROL).found == set()
    assert ("a message", "plain") in looked_at(CONTROL, LEAKED).found
    assert ("a message", "base64") in looked_at(CONTROL, written).found
    assert ("a private key", "plain") in looked_at("k" * 32, CONTROL).found


def test_the_memory_of_a_process_without_our_ciphertext_is_no_proof():
    look = looked_at("something else")

    assert "does not hold" in look.problem
    assert not look.is_wanted


def test_a_process_that_cannot_be_seen_into_is_no_proof():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"

        look = look_at_memory(url, [Secret("a message", LEAKED)], "x" * 20)

    assert look.problem is not None
    assert not look.is_wanted


def test_whoever_looks_at_another_data_folder_is_told(server, token_file, tmp_path):
    with server_process(tmp_path, DATA_DIR=tmp_path / "other"):
        run = demo(
            *(server.url, "--data-dir", tmp_path / "other", "--admin-token-file", token_file)
        )

    assert run.returncode == FAILED
    assert verdicts_marked(run, "FAIL") == {"control"}


def test_without_a_server_it_fails_and_says_why():
    run = demo("http://127.0.0.1:1")

    assert run.returncode == FAILED
    assert "Cannot connect" in run.stdout + run.stderr
    assert "Traceback" not in run.stderr


def test_a_server_that_does_not_start_is_told():
    run = demo(DATABASE_URL="nonsense")

    assert run.returncode == FAILED
    assert "the server does not start" in run.stderr
    assert "Traceback" not in run.stderr
