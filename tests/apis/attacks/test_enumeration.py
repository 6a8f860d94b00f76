"""Nobody finds out who is here, or what there is: not by answers, not by the work they take."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from nacl.pwhash import argon2id

from tests.apis.attacks.scenes import PASSWORD, Answer, Person, Scene
from tests.passwords import WEAK
from tests.servers import ADMIN_TOKEN, RunningServer

LOGIN = "POST /api/auth/login"
WRONG = "a wrong password"


async def log_in(scene: Scene, name: str, password: str = WRONG, **fields: str) -> Answer:
    return await scene.ask(None, LOGIN, {"username": name, "password": password, **fields})


async def ban(scene: Scene, who: Person) -> None:
    await scene.done(ADMIN_TOKEN, f"POST /api/admin/accounts/{who.user_id}/ban", {})


async def reset(scene: Scene, who: Person) -> None:
    await scene.done(ADMIN_TOKEN, f"POST /api/admin/accounts/{who.user_id}/reset-password", {})


async def revoke(scene: Scene, who: Person) -> None:
    await scene.done(who, f"DELETE /api/auth/devices/{who.device_id}")


async def delete(scene: Scene, who: Person) -> None:
    await scene.done(who, "DELETE /api/auth/account", {"password": PASSWORD})


async def nothing(scene: Scene, who: Person) -> None:
    """As she was."""


FATES = {"known": nothing, "banned": ban, "reset": reset, "revoked": revoke, "deleted": delete}


@pytest.mark.parametrize("fate", FATES.values(), ids=FATES)
async def test_a_wrong_password_tells_nothing_of_the_account(scene: Scene, fate: Any) -> None:
    await fate(scene, scene.alice)
    unknown = await log_in(scene, "nobody-of-that-name")
    device = {"deviceId": scene.alice.device_id}
    for name in ("alice", "ALICE", "alice@canary.example"):
        assert await log_in(scene, name) == unknown
        assert await log_in(scene, name, **device) == unknown
    assert (unknown.status, unknown.code) == (401, "invalid_credentials")


class Counted:
    """Something of the server, of which is counted what is used."""

    def __init__(self, real: Any, done: Counter[str]) -> None:
        self._real = real
        self._done = done

    def __getattr__(self, name: str) -> Any:
        self._done[name] += 1
        return getattr(self._real, name)


class Work:
    """Counts what requests make a server do, and not what it does by itself meanwhile."""

    def __init__(self, server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: Counter[str] = Counter()
        chat: Any = server.chat
        for whose in (chat.logins, chat.accounts):
            monkeypatch.setattr(whose, "_passwords", Counted(whose._passwords, self.done))
        monkeypatch.setattr(chat.logins, "_store", Counted(chat.logins._store, self.done))


async def test_an_unknown_name_takes_as_much_work_as_a_known_one(
    scene: Scene, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(server, monkeypatch)
    await log_in(scene, "alice")
    known = dict(work.done)
    work.done.clear()
    await log_in(scene, "nobody-of-that-name")
    assert work.done == known
    assert known["matches"] == 1


async def test_an_unknown_name_has_a_password_compared_by_a_hash_of_the_same_strength(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call is counted that takes the time, wherever it is made."""
    compared: list[bytes] = []
    verify: Callable[[bytes, bytes], bool] = argon2id.verify

    def count(kept: bytes, given: bytes) -> bool:
        compared.append(kept[: kept.rindex(b"p=1$")])
        return verify(kept, given)

    monkeypatch.setattr(argon2id, "verify", count)
    await ban(scene, scene.bob)
    await delete(scene, scene.mallory)
    for name in ("alice", "bob", "mallory", "nobody-of-that-name"):
        compared.clear()
        await log_in(scene, name)
        assert compared == [WEAK.prefix.encode()[:-4]], name


async def test_a_name_that_is_taken_takes_as_much_work_as_a_free_one(
    scene: Scene, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(server, monkeypatch)
    for name in ("alice", "somebody-new"):
        body = {"username": name, "email": f"{name}@new.example", "password": PASSWORD}
        await scene.ask(None, "POST /api/auth/signup", body)
    assert work.done["hash"] == 2


async def test_who_tries_on_and_on_is_told_to_wait_at_a_name_that_nobody_has_as_well(
    scene: Scene,
) -> None:
    await log_in(scene, "nobody-of-that-name")  # as she has, when she signed in
    known = [await log_in(scene, "alice") for _ in range(12)]
    unknown = [await log_in(scene, "nobody-of-that-name") for _ in range(12)]
    assert [one.code for one in known] == [one.code for one in unknown]
    assert {one.code for one in known} == {"invalid_credentials", "rate_limited"}


async def test_keys_messages_and_searches_tell_nothing_of_who_is_here(scene: Scene) -> None:
    """Of somebody who is here and never spoke to the asker, as of nobody."""
    here, nobody = scene.alice.user_id, "nobody-of-that-id"
    for name, body in (
        ("GET /api/messages/direct/{}", None),
        ("POST /api/messages/search", {"participantId": "{}"}),
        ("POST /api/messages/search", {"senderId": "{}", "roomId": scene.ids["roomId"]}),
        ("POST /api/auth/refresh", {"refreshToken": "{}"}),
        ("GET /api/users/{}/public-key", None),
    ):
        answers = [
            await scene.ask(
                scene.mallory,
                name.replace("{}", one),
                body and {field: value.replace("{}", one) for field, value in body.items()},
            )
            for one in (here, nobody)
        ]
        assert answers[0] == answers[1], name


async def test_who_has_blocked_somebody_is_nobody_to_them(scene: Scene) -> None:
    await scene.done(scene.alice, "POST /api/users/blocks", {"userId": scene.mallory.user_id})
    for name, body in (
        ("GET /api/keys/user/{}", None),
        ("POST /api/rooms", {"name": "a", "participants": ["{}"]}),
    ):
        text = str
        answers = []
        for one in (scene.alice.user_id, "nobody-of-that-id"):
            said = body and {
                field: [one] if isinstance(value, list) else text(value).replace("{}", one)
                for field, value in body.items()
            }
            answers.append(await scene.ask(scene.mallory, name.replace("{}", one), said))
        assert answers[0] == answers[1], name
        assert answers[0].status == 404, name
