"""What operators do with accounts, by the script of theirs."""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from server.administration import own_url
from server.settings import load
from tests.system.processes import environment, server_process

PASSWORD = "SecurePass123!"


@pytest.fixture
def server(tmp_path):
    with server_process(tmp_path) as one:
        yield one


@pytest.fixture
def admin(server, tmp_path):
    """`admin("list")`, against the server, with the token that it has made."""

    def run(*arguments, **settings):
        return subprocess.run(
            [sys.executable, "-m", "server.administration", *arguments],
            cwd=tmp_path,
            env=environment(tmp_path, **{"PORT": server.url.rpartition(":")[2], **settings}),
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


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
