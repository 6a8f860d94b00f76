"""Strangers in a random group whose connection drops."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from server.core.groups import Visitor
from server.core.matching import room_id_of
from server.core.opaque import Opaque
from tests.clocks import ManualClock
from tests.recovery.conftest import Travel
from tests.recovery.places import Place
from tests.recovery.travellers import Traveller

Come = Callable[..., Awaitable[Traveller]]


async def token_of(server: Place, login: str) -> str:
    return (await server.app.chat.tokens.issue_guest("127.0.0.1", login)).token


async def enter(person: Traveller) -> dict[str, Any]:
    answer = await person.line.ask("join_random_group", {"publicKey": f"key {person.sid}"})
    group: dict[str, Any] = answer["group"]
    return group


async def tell(person: Traveller, group: dict[str, Any], words: str) -> Any:
    request = {"groupId": group["id"], "encryptedMessage": words}
    answer = await person.line.ask("send_group_message", request)
    assert answer["success"], answer
    return answer


def names(person: Traveller) -> list[str]:
    return [name for name, _ in person.line._events]


def told(person: Traveller) -> list[Any]:
    return [message["encryptedContent"] for message in person.line.events("new_message")]


@pytest.fixture
async def dave(server: Place, travel: Travel) -> Traveller:
    return await travel(token=await token_of(server, "dave"))


@pytest.fixture
async def erin(transport: str, server: Place, travel: Travel) -> Traveller:
    return await travel(transport, token=await token_of(server, "erin"))


@pytest.fixture
async def group(dave: Traveller, erin: Traveller) -> dict[str, Any]:
    """Where both are."""
    await enter(dave)
    return await enter(erin)


async def test_a_stranger_is_restored_in_its_group_with_what_it_missed(
    dave: Traveller, erin: Traveller, group: dict[str, Any], travel: Travel, server: Place
) -> None:
    sid = erin.sid
    await tell(dave, group, "before the drop")
    await erin.line.until(lambda: told(erin))
    await erin.drop()
    await tell(dave, group, "meanwhile")
    frank = await travel(token=await token_of(server, "frank"))
    await enter(frank)

    assert await erin.back()
    assert erin.sid == sid
    await erin.line.until(lambda: "key_rotation_needed" in names(erin))
    assert names(erin) == ["new_message", "user_joined", "system_message", "key_rotation_needed"]
    await tell(erin, group, "erin is here")
    await erin.line.until(lambda: len(told(erin)) == 2)
    assert told(erin) == ["meanwhile", "erin is here"]
    assert names(dave).count("user_left") == 0


async def test_who_had_heard_nothing_is_restored_and_told_nothing_new(
    dave: Traveller, erin: Traveller, group: dict[str, Any]
) -> None:
    await erin.drop()

    assert await erin.back()
    await tell(erin, group, "erin is here")
    await erin.line.until(lambda: names(erin))
    assert names(erin) == ["new_message"]


async def test_a_drop_between_two_events_of_one_change_loses_neither_and_repeats_neither(
    dave: Traveller, erin: Traveller, group: dict[str, Any], travel: Travel, server: Place
) -> None:
    await enter(await travel(token=await token_of(server, "frank")))
    await erin.line.until(lambda: "system_message" in names(erin))
    await erin.drop()
    joined = next(packet for packet in map(str, erin.line.heard) if "user_joined" in packet)
    erin.offset = joined.rsplit('"', 2)[1]

    assert await erin.back()
    await erin.line.until(lambda: "key_rotation_needed" in names(erin))
    assert names(erin) == ["system_message", "key_rotation_needed"]


async def test_who_dropped_before_it_heard_of_its_group_hears_of_it_again(
    server: Place, travel: Travel, dave: Traveller
) -> None:
    group = await enter(dave)
    tab = await travel(token=dave.auth["token"])
    await tab.line.until(lambda: tab.line.events("joined_group"))
    await tab.drop()
    tab.offset = None  # as if it had not arrived

    assert await tab.back()
    await tab.line.until(lambda: tab.line.events("joined_group"))
    assert tab.line.events("joined_group")[0]["group"]["id"] == group["id"]
    await tab.drop()
    assert await tab.back()
    await tell(tab, group, "here")
    await tab.line.until(lambda: names(tab))
    assert names(tab) == ["new_message"]


async def test_who_has_left_the_group_by_another_way_is_not_restored(
    server: Place, dave: Traveller, erin: Traveller, group: dict[str, Any]
) -> None:
    await erin.drop()
    user = await server.app.chat.tokens.verify(erin.auth["token"])
    await server.app.chat.groups.leave(Visitor(user, "1.2.3.4", None), room_id_of(group["id"]))

    assert not await erin.back()
    assert await server.outcomes("room_gone") == 1
    assert names(erin) == []


async def test_who_has_moved_to_another_group_is_not_restored_but_is_in_that(
    server: Place, dave: Traveller, erin: Traveller, group: dict[str, Any]
) -> None:
    await erin.drop()
    user = await server.app.chat.tokens.verify(erin.auth["token"])
    key = Opaque("another key")
    await server.app.chat.groups.join(Visitor(user, "1.2.3.4", None), key, is_move=True)

    assert not await erin.back()
    await erin.line.until(lambda: erin.line.events("joined_group"))
    assert erin.line.events("joined_group")[0]["group"]["id"] != group["id"]


@pytest.mark.parametrize("event", ["leave_group", "next_group"])
async def test_who_has_left_by_the_very_connection_is_restored_where_it_is(
    server: Place, dave: Traveller, erin: Traveller, group: dict[str, Any], event: str
) -> None:
    await erin.join("lair", "erin")
    request = {"groupId": group["id"]} if event == "leave_group" else {"publicKey": "another"}
    answer = await erin.line.ask(event, request)
    assert answer["success"]
    await erin.drop()

    assert await erin.back()
    if event == "next_group":
        await tell(erin, answer["group"], "alone")
    assert "joined_group" not in names(erin)


async def test_who_was_put_out_by_the_grace_is_not_restored(
    server: Place,
    clock: ManualClock,
    dave: Traveller,
    erin: Traveller,
    group: dict[str, Any],
) -> None:
    await erin.drop()
    await server.until_gone(erin)
    clock.advance(seconds=31)
    await server.reap()

    assert not await erin.back()
    assert names(erin) == []


@pytest.mark.parametrize("who", ["nobody", "somebody else"])
async def test_a_secret_alone_makes_nobody_another_user(
    server: Place, dave: Traveller, erin: Traveller, group: dict[str, Any], who: str
) -> None:
    await erin.drop()
    erin.auth.pop("token")
    if who == "somebody else":
        erin.auth["token"] = await token_of(server, "mallory")

    assert not await erin.back()
    assert await server.outcomes("other_user") == 1
    assert names(erin) == []


async def test_whoever_shows_the_secret_and_is_another_does_not_end_the_line(
    server: Place, travel: Travel, dave: Traveller, erin: Traveller, group: dict[str, Any]
) -> None:
    mallory = await travel(token=await token_of(server, "mallory"), pid=erin.pid)

    assert mallory.sid != erin.sid
    await tell(erin, group, "still here")
    await dave.line.until(lambda: told(dave) == ["still here"])


async def test_a_newer_token_of_the_same_user_will_do(
    server: Place, clock: ManualClock, travel: Travel
) -> None:
    person = await travel(token=await token_of(server, "dave"))
    group = await enter(person)
    user = await server.app.chat.tokens.verify(person.auth["token"])
    await person.drop()

    assert user.expires_ms
    assert await person.back()
    await tell(person, group, "here")


async def test_with_a_token_that_has_run_out_nobody_is_restored(
    server: Place, clock: ManualClock, travel: Travel
) -> None:
    person = await travel(token=await token_of(server, "dave"))
    await enter(person)
    await person.drop()
    clock.advance(minutes=25 * 60)

    assert not await person.back()
    await person.line.until(lambda: "auth-expired" in names(person))
