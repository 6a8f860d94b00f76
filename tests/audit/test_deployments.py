"""`scripts/audit-blindness` on servers that run: they are blind, and it tells when they are not."""

import base64
import os
import re
import subprocess
import sys

import aiohttp
import pytest

from scripts.audit_parts.looks import FOUND, INCOMPLETE
from scripts.demo_parts.secure_chat.device import Account, Device
from server.administration import Server
from tests.audit.conftest import SECRET
from tests.postgres_servers import binaries, new_database
from tests.redis_servers import shared_redis
from tests.servers import ADMIN_TOKEN, MASTER_KEY
from tests.servers import SECRET as JWT_SECRET
from tests.system.processes import environment, server_process


class Deployment:
    """A server that runs, as its operator has it."""

    def __init__(self, server, settings, folder):
        self.url = server.url
        self.folder = folder
        self.log = next(folder.glob("log-*"))
        self.settings = environment(folder, **settings)
        self.settings |= {"PORT": server.url.rpartition(":")[2], "PYTHONUTF8": "1"}
        self.settings["PATH"] = f"{binaries()}:{os.environ['PATH']}"

    def audit(self, *arguments, said=None, **settings):
        return subprocess.run(
            [sys.executable, "-m", "scripts.audit_parts", *map(str, arguments)],
            cwd=self.folder,
            env={**self.settings, **{name: str(value) for name, value in settings.items()}},
            input=said,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=100,
        )

    def back_up(self, file):
        done = subprocess.run(
            [sys.executable, "-m", "server.maintenance", "backup", str(file)],
            cwd=self.folder,
            env=self.settings,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr

    def accounts(self):
        return Server(self.url, ADMIN_TOKEN).ask("GET", "/api/admin/accounts")["data"]["accounts"]


@pytest.fixture(scope="module", params=["sqlite", "postgres and redis"])
def deployment(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("deployment")
    settings = {"JWT_SECRET": JWT_SECRET, "ADMIN_TOKEN": ADMIN_TOKEN, "MASTER_KEY": MASTER_KEY}
    if request.param != "sqlite":
        settings |= {"DATABASE_URL": new_database(), "REDIS_URL": shared_redis().url}
    with server_process(folder, **settings) as server:
        yield Deployment(server, settings, folder)


ON_ONE = pytest.mark.parametrize("deployment", ["sqlite"], indirect=True)
"""For what is refused or missed by what is asked for, wherever the server keeps what it keeps."""


def marks(run):
    """Which mark each place has."""
    lines = re.findall(r"^(\S{5})  (/\w+|data folder|\w+)", run.stdout, re.MULTILINE)
    return {place: mark for mark, place in lines}


def test_a_server_that_is_blind_is_clean_everywhere(deployment, tmp_path):
    deployment.back_up(tmp_path / "backup")

    run = deployment.audit("--plant", "--log", deployment.log, "--backup", tmp_path / "backup")

    assert run.returncode == 0, (run.stdout, run.stderr)
    places = {"database", "data folder", "/metrics", "/health", "/sessions", "control"}
    redis = "clean" if "REDIS_URL" in deployment.settings else "-----"
    assert marks(run) == dict.fromkeys({*places, "log", "backup"}, "clean") | {"Redis": redis}
    assert run.stdout.splitlines()[-1] == "nothing was found"
    assert re.search(r"database .*: \d\d tables, \d\d+ rows, .*[\d,]{5,} bytes", run.stdout)
    assert deployment.accounts() == []


async def test_what_a_client_has_sent_unencrypted_is_found_and_not_printed(deployment, tmp_path):
    async with aiohttp.ClientSession(deployment.url) as http:
        alice, bob = (Device(http, Account(name), "phone") for name in ("Alice", "Bob"))
        for one in (alice, bob):
            await one.enter()
        said = base64.b64encode(b"x" + SECRET.encode()).decode()
        message = {"recipientId": bob.account.user_id, "encryptedContent": said}
        await alice.ask("POST", "/api/messages/send", message)
        deployment.back_up(tmp_path / "backup")

        run = deployment.audit(
            *("--canaries", "-", "--log", deployment.log, "--backup", tmp_path / "backup"),
            said=f"\nnever heard of it\n{SECRET}\n",
        )
        for one in (alice, bob):
            await one.delete_account()

    assert run.returncode == FOUND, (run.stdout, run.stderr)
    assert (marks(run)["database"], marks(run)["backup"]) == ("FOUND", "FOUND")
    assert marks(run)["log"] == "clean"
    assert "line 3 as base64" in run.stdout
    assert "line 2" not in run.stdout
    assert SECRET not in run.stdout + run.stderr


@ON_ONE
def test_whoever_looks_at_another_database_is_told(deployment, tmp_path):
    """What was planted must be there: else nothing was proved."""
    elsewhere = f"sqlite://{tmp_path}/other.sqlite3"
    migrated = subprocess.run(
        [sys.executable, "-m", "server.maintenance", "migrate"],
        cwd=tmp_path,
        env={**deployment.settings, "DATABASE_URL": elsewhere},
        check=False,
    )
    assert migrated.returncode == 0

    run = deployment.audit("--plant", "--log", deployment.log, DATABASE_URL=elsewhere)

    assert run.returncode == INCOMPLETE
    assert marks(run)["control"] == "?????"
    assert deployment.accounts() == []


@ON_ONE
@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"DATABASE_URL": "postgresql://u:password@127.0.0.1:1/x"}, "database"),
        ({"REDIS_URL": "redis://:password@127.0.0.1:1"}, "Redis"),
        ({"ADMIN_TOKEN": "another-token-of-nobody-in-here"}, "/sessions"),
        ({"DATABASE_URL": "sqlite://:memory:"}, "database"),
    ],
)
def test_what_cannot_be_looked_at_is_told(deployment, settings, place):
    run = deployment.audit("--canaries", "-", said="something unheard of", **settings)

    assert marks(run)[place] == "?????"
    assert run.returncode == INCOMPLETE
    assert "password" not in run.stdout + run.stderr


@ON_ONE
@pytest.mark.parametrize(
    ("arguments", "said", "why"),
    [
        ((), "", "give --canaries FILE, or --plant, or both"),
        (("--canaries", "-"), "short", "line 1 has fewer than 8 characters"),
        (("--canaries", "none"), "", "No such file"),
        (("--plant", "--url", "http://127.0.0.1:1"), "", "Cannot connect"),
    ],
)
def test_what_cannot_work_is_said(deployment, arguments, said, why):
    run = deployment.audit(*arguments, said=said)

    assert run.returncode == INCOMPLETE
    assert why in run.stderr
    assert "Traceback" not in run.stderr
