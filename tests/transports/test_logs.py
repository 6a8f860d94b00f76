"""The log of the real process: JSON, and nothing of what clients said or are called."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.processes import ServerProcess, server_process
from tests.transports.answers import check_answer
from tests.transports.wire import (
    POLLING,
    UPGRADE,
    WEBSOCKET,
    Line,
    PollingLine,
    WebSocketLine,
    connected,
    exchange,
    head,
)

CANARY = "canary4711"
JSON = {"Content-Type": "application/json"}


def canary(what: str) -> str:
    return f"{CANARY}-{what}"


LAIR: dict[str, object] = {"sessionId": canary("session")}
EVENTS: dict[str, dict[str, object]] = {
    "join-session": {
        **LAIR,
        "userId": canary("user"),
        "displayName": canary("name"),
        "publicKey": {"kty": canary("public")},
        "isCreator": True,
        "authKey": canary("key"),
    },
    "save-public-key": {**LAIR, "publicKey": canary("public 2"), "displayName": canary("name 2")},
    "get-public-keys": LAIR,
    "send-message": {
        **LAIR,
        "encrypted": {"iv": canary("iv"), "data": [canary("ciphertext")]},
        "originalContent": canary("plain"),
        "type": canary("type"),
    },
    "send-signal": {**LAIR, "encrypted": {"iv": canary("iv"), "data": [canary("signal")]}},
    "typing-start": {**LAIR, "userId": canary("user")},
    "file-downloaded": {**LAIR, "fileName": canary("file")},
    "lock-session": {**LAIR, "locked": False},
    "remove-member": {**LAIR, "userId": canary("another")},
    "auth-refresh": {"token": f"{CANARY}.{CANARY}.{CANARY}"},
    "invented": {canary("field"): canary("value")},
}

REFUSED = ("lock-session", "remove-member", "auth-refresh", "invented")

BAD_PACKETS = [
    f'42["send-message",{{"sessionId":"{CANARY}"',
    f'42["{CANARY}",NaN]',
    f"9{CANARY}",
    f"7{CANARY}",
    f"4{CANARY}",
    f'451-["{CANARY}",{{"_placeholder":true,"num":4}}]',
    f"40/{CANARY},",
    f'4"{CANARY}"',
    f"b{CANARY}%%",
    CANARY,
]

REQUESTS = [
    head("GET", f"/{CANARY}?token={CANARY}", {"User-Agent": CANARY, "Cookie": CANARY}),
    head("GET", f"/sessions?after={CANARY}", {"Authorization": f"Bearer {CANARY}"}),
    head("GET", f"/sessions?limit={CANARY}", {"X-Admin-Token": CANARY}),
    head("GET", "/sessions", {"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"}),
    head("GET", "/api/auth/me", {"Authorization": f"Bearer {CANARY}.{CANARY}.{CANARY}"}),
    head("GET", "/health", {"Origin": f"https://{CANARY}.example"}),
    head("GET", "/health", {"Expect": CANARY}),
    head("GET", "/health", {"X-Forwarded-For": CANARY}),
    head("GET", f"{POLLING}&sid={CANARY}%0aforged%20line"),
    head("GET", f"{POLLING}&j={CANARY}"),
    head("GET", f"/socket.io/?EIO={CANARY}&transport=polling"),
    head("GET", f"/socket.io/?EIO=4&transport={CANARY}"),
    head("GET", WEBSOCKET, {**UPGRADE, "Sec-WebSocket-Key": CANARY}),
    head("GET", WEBSOCKET, {**UPGRADE, "Connection": CANARY}),
    head("POST", f"{POLLING}&sid={CANARY}", {"Content-Length": "0"}),
    head("PUT", f"{POLLING}&{CANARY}"),
    f"GET /{CANARY} HTTP/3.0\r\n{CANARY}\r\n\r\n".encode(),
    f"{CANARY} / HTTP/1.1\r\n\r\n".encode(),
]


def posts() -> list[bytes]:
    bodies = [
        json.dumps({"sessionId": canary("reserved"), "authKey": canary("key")}),
        json.dumps({"sessionId": canary("reserved"), "authKey": canary("wrong key")}),
        f'{{"sessionId":"{CANARY}',
        json.dumps({"sessionId": [CANARY]}),
    ]
    made = []
    for body in bodies:
        for more in ({}, {"Content-Encoding": "gzip"}, {"Content-Type": CANARY}):
            sized = {"Content-Length": str(len(body)), **JSON, **more}
            made.append(head("POST", "/api/reserve-session", sized) + body.encode())
    return made


class Visit:
    """All that was done to one server, and the secrets seen on the way."""

    def __init__(self, server: ServerProcess, folder: Path, *, is_debugging: bool) -> None:
        self.server = server
        self.is_debugging = is_debugging
        files = [path for path in (folder / "data").iterdir() if "sqlite" not in path.name]
        self.secrets = [path.read_text().strip() for path in files]

    async def pay(self) -> None:
        for kind in (WebSocketLine, PollingLine):
            await self._talk(kind)
            await self._sign_in(kind)
            for packet in BAD_PACKETS:
                async with kind(self.server.url) as line:
                    await line.open()
                    await line.send(packet)
                    # Whether that was the end or not: let it be handled.
                    await exchange(self.server.url, head("GET", "/health"))
        await self._have_account()
        for request in [*REQUESTS, *posts()]:
            check_answer(await exchange(self.server.url, request))
        await self._break_off()

    async def _talk(self, kind: type[Line]) -> None:
        async with kind(self.server.url) as line:
            await line.open()
            self.secrets.append(line_id(line))
            for event, payload in EVENTS.items():
                ack = await line.ask(event, {**payload, "id": canary(kind.__name__)})
                assert ack["success"] or event in REFUSED, (event, ack)
                self.secrets += [ack["memberToken"]] if ack.get("memberToken") else []
                await line.ask(event, {name: [CANARY] for name in payload})
                await line.ask(event, CANARY)
            await line.ask("leave-session", LAIR)

    async def _sign_in(self, kind: type[Line]) -> None:
        login = json.dumps({"login": canary("login")})
        sized = {"Content-Length": str(len(login)), **JSON}
        given = await exchange(
            self.server.url, head("POST", "/api/auth/guest", sized) + login.encode()
        )
        token = given.json["token"]
        self.secrets += [token, token.split(".")[1], given.json["user"]["id"]]
        bearer = {"Authorization": f"Bearer {token}"}
        for target in ("/api/auth/me", f"/?token={token}", f"{POLLING}&token={token}"):
            assert (await exchange(self.server.url, head("GET", target, bearer))).status == 200
        for shown in (token, token[:-9] + "forgery-x", f"{CANARY}.{CANARY}.{CANARY}", [CANARY]):
            async with kind(self.server.url) as line:
                await line.shake_hands()
                await line.send("40" + json.dumps({"token": shown}))
                await line.until(lambda line=line: len(line.heard) > 1)  # type: ignore[misc]
                if shown == token:
                    assert (await line.ask("auth-refresh", {"token": token}))["success"] is True

    async def _have_account(self) -> None:
        """Sign up, log in rightly and wrongly, and refresh with what is no token."""
        account = {"username": CANARY, "email": f"{CANARY}@{CANARY}.example"}
        device = {"deviceId": canary("device"), "deviceName": canary("phone"), "deviceType": CANARY}
        for path, status, body in (
            ("signup", 201, {**account, "displayName": canary("name"), "password": canary("pass")}),
            ("signup", 409, {**account, "password": canary("pass")}),
            ("signup", 400, {**account, "password": CANARY[:9]}),
            ("login", 401, {**account, **device, "password": canary("wrong")}),
            ("login", 200, {**account, **device, "password": canary("pass")}),
            ("refresh", 401, {"refreshToken": canary("refresh")}),
            ("logout", 200, {"refreshToken": canary("refresh")}),
        ):
            text = json.dumps(body)
            sized = {"Content-Length": str(len(text)), **JSON}
            request = head("POST", f"/api/auth/{path}", sized) + text.encode()
            answer = await exchange(self.server.url, request)
            assert answer.status == status, path
            if status < 300 and path != "logout":
                data = answer.json["data"]
                self.secrets += [data["userId"], *filter(None, [data.get("registrationToken")])]

    async def _break_off(self) -> None:
        async with PollingLine(self.server.url) as line:
            await line.open()
            request = head("POST", line.target, {"Content-Length": "999"}) + CANARY.encode()
            async with connected(self.server.url) as (_, writer):
                writer.write(request)
                await writer.drain()
            await exchange(self.server.url, head("GET", "/health"))
            gzip = {"Content-Length": str(len(CANARY)), "Content-Encoding": "gzip"}
            await exchange(self.server.url, head("POST", line.target, gzip) + CANARY.encode())


def line_id(line: Line) -> str:
    return str(line.heard[0]).split('"')[3]


@pytest.fixture(scope="module", params=["true", "false"], ids=["debug", "quiet"])
def visit(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Visit]:
    """One that is over: its log is all that the tests look at."""
    folder = tmp_path_factory.mktemp("visited")
    with server_process(folder, DEBUG=request.param) as server:
        paid = Visit(server, folder, is_debugging=request.param == "true")
        asyncio.run(paid.pay())
        server.stop()
        yield paid


def test_the_log_is_json_and_holds_nothing_that_clients_said_or_are_called(
    visit: Visit,
) -> None:
    lines = visit.server.log.splitlines()

    strange = [line for line in lines if not line.startswith("{") or not json.loads(line)]
    assert strange == []
    told = [line for line in lines if CANARY in line]
    assert told == []
    assert len(visit.secrets) >= 4
    assert [line for line in lines for secret in visit.secrets if secret in line] == []
    assert {"started", "stopped"} <= {entry["event"] for entry in visit.server.log_lines}
    assert all(entry["time"] and entry["level"] for entry in visit.server.log_lines)


def test_nothing_that_a_client_sends_is_an_error_of_ours(visit: Visit) -> None:
    errors = [entry for entry in visit.server.log_lines if entry["level"] == "error"]

    assert errors == []


def test_debugging_tells_more_and_otherwise_little_is_told(visit: Visit) -> None:
    levels = [entry["level"] for entry in visit.server.log_lines]

    # Each request of `/health` alone, with which all that is bad is followed.
    least = 2 * len(BAD_PACKETS) if visit.is_debugging else 0
    assert levels.count("debug") >= least
    assert visit.is_debugging or "debug" not in levels
