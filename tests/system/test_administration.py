"""What operators do, by the script of theirs."""

import functools
import hashlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64decode, b64encode

import pytest

from server.administration import own_url
from server.settings import load
from tests.issuers import by_secret
from tests.system.processes import environment, server_process

PASSWORD = "SecurePass123!"


@pytest.fixture
def server(tmp_path):
    with server_process(tmp_path) as one:
        yield one


@pytest.fixture
def admin(server, tmp_path):
    """`admin("list")`, against the server, with the token that it has made."""

    return functools.partial(administer, server, tmp_path)


def administer(server, folder, *arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "server.administration", *arguments],
        cwd=folder,
        env=environment(folder, **{"PORT": server.url.rpartition(":")[2], **settings}),
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def post(server, path, body):
    request = urllib.request.Request(  # noqa: S310
        f"{server.url}{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def sign_up(server, name):
    body = {"username": name, "email": f"{name}@example.com", "password": PASSWORD}
    assert post(server, "/api/auth/signup", body) == 201


def log_in(server, name, password=PASSWORD):
    return post(server, "/api/auth/login", {"username": name, "password": password})


def test_accounts_are_listed_banned_and_given_new_passwords(server, admin):
    for name in ("alice", "bob"):
        sign_up(server, name)

    listed = [line.split("\t") for line in admin("list").stdout.splitlines()]
    assert [(one[1], one[2], one[4]) for one in listed] == [
        ("alice", "alice@example.com", "-"),
        ("bob", "bob@example.com", "-"),
    ]

    assert admin("ban", "alice@example.com").stdout == f"banned {listed[0][0]}\n"
    assert (log_in(server, "alice"), log_in(server, "bob")) == (403, 200)
    assert "banned 20" in admin("list").stdout
    assert admin("unban", listed[0][0]).returncode == 0
    assert log_in(server, "alice") == 200

    temporary = admin("reset-password", "bob").stdout.split()[0]
    assert log_in(server, "bob") == 401
    assert log_in(server, "bob", temporary) == 200

    assert admin("promote", "alice").stdout == f"an operator {listed[0][0]}\n"
    assert admin("demote", "alice").stdout == f"no operator any more {listed[0][0]}\n"
    revoked = admin("revoke-devices", "alice", "phone")
    assert (revoked.returncode, revoked.stdout) == (0, "")

    reports = admin("reports")
    assert (reports.returncode, reports.stdout) == (0, "")


def test_what_cannot_be_done_is_said(server, admin):
    unknown = admin("ban", "nobody")
    assert (unknown.returncode, unknown.stderr) == (1, "hushwire: there is no account 'nobody'\n")
    stranger = admin("list", ADMIN_TOKEN="operators-token-of-others")
    assert stranger.returncode == 1
    assert "that is not the operators' token" in stranger.stderr
    away = admin("--url", "http://127.0.0.1:9", "list")
    assert away.returncode == 1
    assert "http://127.0.0.1:9" in away.stderr
    for one in (unknown, stranger, away):
        assert "Traceback" not in one.stderr


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:3001"),  # noqa: S104
        ("::", "http://[::1]:3001"),
        ("10.0.0.7", "http://10.0.0.7:3001"),
    ],
)
def test_the_server_of_the_settings_is_asked(host, url):
    assert own_url(load({"HOST": host})) == url


KEYS = [b64encode(bytes([number]) * 32).decode() for number in (1, 2)]


def with_workspace(server):
    """Have there be a workspace `acme`: that of somebody's token."""
    secret = (server.data / "jwt-secret").read_text().strip().encode()
    claims = {"sub": "dave", "login": "dave", "workspaceId": "acme", "exp": int(time.time()) + 600}
    token = by_secret(claims, secret)
    request = urllib.request.Request(  # noqa: S310
        f"{server.url}/chat/workspaces", headers={"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        assert [one["id"] for one in json.load(answer)["workspaces"]] == ["acme"]


def said_by(server, folder, *arguments):
    """Status, standard output and error of the script."""
    done = administer(server, folder, *arguments)
    return done.returncode, done.stdout, done.stderr


def test_keys_of_workspaces_and_the_master_key_are_changed(tmp_path):
    old, new = KEYS
    with server_process(tmp_path, MASTER_KEY=old) as server:
        with_workspace(server)
        changed = said_by(server, tmp_path, "rotate-keys", "acme")
        assert changed == (0, "acme seals under key 2 from now on\n", "")
        status, _, told = said_by(server, tmp_path, "rotate-keys", "nowhere")
        assert (status, told) == (1, "hushwire: there is no such workspace for you\n")
    with server_process(tmp_path, MASTER_KEY=f"{new},{old}") as server:
        status, told, _ = said_by(server, tmp_path, "rewrap-keys")
        assert (status, told[:2]) == (0, "2 ")
        status, told, _ = said_by(server, tmp_path, "rewrap-keys")
        assert (status, told[:2]) == (0, "0 ")
    with server_process(tmp_path, MASTER_KEY=new) as server:
        with_workspace(server)
        assert "master_key_missing" not in server.log


def test_a_master_key_that_is_lost_is_said_at_the_start_and_when_it_is_asked_for(tmp_path):
    old, new = KEYS
    with server_process(tmp_path, MASTER_KEY=old) as server:
        with_workspace(server)
    name = hashlib.sha256(b"hushwire master key" + b64decode(old)).digest()[:8].hex()
    with server_process(tmp_path, MASTER_KEY=new) as server:
        (line,) = [one for one in server.log.splitlines() if "master_key_missing" in one]
        assert (json.loads(line)["master_key"], json.loads(line)["keys"]) == (name, 1)
        status, told, problem = said_by(server, tmp_path, "rewrap-keys")
        assert (status, told[:2]) == (1, "0 ")
        assert f"1 under {name}" in problem
        assert "Add the lost one to MASTER_KEY" in problem
