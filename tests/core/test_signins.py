"""Signing in and out: who is told of it, in which order, and what is forgotten."""

from typing import Any

import pytest

from server.core import signins
from server.core.errors import Code
from server.core.events import ConnectionEvent, SignedIn, SignedOut, SignInExpired
from server.core.identity import User
from server.core.ids import ConnectionId, NumericUserId, UserId
from server.core.signins import RENEWAL_LIMIT_MS, SignIns
from tests.apis.identity.watching import Doorman
from tests.core.visitors import refused

TAB, OTHER_TAB = ConnectionId("tab"), ConnectionId("other tab")
MINUTE_MS = 60_000


@pytest.fixture
def sign_ins(clock):
    return SignIns(clock)


@pytest.fixture
def told(sign_ins):
    """What connections are told."""
    events: list[ConnectionEvent] = []
    sign_ins.subscribe(events.append)
    return events


@pytest.fixture
def doorman(sign_ins):
    one = Doorman()
    sign_ins.watch(one)
    return one


@pytest.fixture
def alice(clock):
    """With a token for a minute."""
    return user("alice", clock.now_ms() + MINUTE_MS)


class Clumsy(Doorman):
    """Fails at a lapse, and the connection goes before he is done."""

    def __init__(self, sign_ins: SignIns) -> None:
        super().__init__()
        self._sign_ins = sign_ins

    async def lapsed(self, user_id, connection_id):
        await self._sign_ins.depart(connection_id, is_lost=True)
        raise ConnectionError("too late")


def user(user_id: str, expires_ms: int | None = None, **more: Any) -> User:
    return User(user_id=UserId(user_id), login=user_id, expires_ms=expires_ms, **more)


async def test_a_connection_arrives_once_however_often_it_is_renewed(
    sign_ins, told, doorman, alice, clock
):
    await sign_ins.open(alice, TAB)
    newer = user("alice", clock.now_ms() + 2 * MINUTE_MS)
    await sign_ins.renew(newer, TAB)

    assert doorman.seen == [("arrived", "alice")]
    assert told == [
        SignedIn(connection_id=TAB, user=alice),
        SignedIn(connection_id=TAB, user=newer),
    ]


async def test_tabs_of_one_user_arrive_and_depart_each(sign_ins, doorman, alice):
    for tab in (TAB, OTHER_TAB):
        await sign_ins.open(alice, tab)
    await sign_ins.depart(TAB, is_lost=False)
    await sign_ins.depart(OTHER_TAB, is_lost=True)

    assert doorman.seen == [("arrived", "alice")] * 2 + [("left", "alice"), ("lost", "alice")]
    assert doorman.connections == [TAB, OTHER_TAB] * 2


async def test_a_token_that_has_run_out_before_opens_for_nobody(sign_ins, told, doorman, clock):
    await sign_ins.open(user("alice", clock.now_ms()), TAB)
    await sign_ins.depart(TAB, is_lost=True)

    assert told == [SignInExpired(connection_id=TAB, expired_ms=clock.now_ms())]
    assert doorman.seen == []


async def test_a_token_runs_out_once_and_its_user_lapses_a_minute_later(
    sign_ins, told, doorman, alice, clock
):
    await sign_ins.open(alice, TAB)
    told.clear()

    clock.advance(ms=MINUTE_MS - 1)
    await sign_ins.expire()
    assert told == []
    clock.advance(ms=1)
    for _ in range(3):
        await sign_ins.expire()
    assert told == [SignInExpired(connection_id=TAB, expired_ms=clock.now_ms())]
    clock.advance(ms=RENEWAL_LIMIT_MS - 1)
    await sign_ins.expire()
    assert doorman.seen == [("arrived", "alice")]
    clock.advance(ms=1)
    for _ in range(3):
        await sign_ins.expire()
    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice")]
    await sign_ins.depart(TAB, is_lost=True)
    assert len(doorman.seen) == 2
    assert len(told) == 1


async def test_a_user_has_the_whole_minute_even_if_the_machine_slept(
    sign_ins, told, doorman, alice, clock
):
    await sign_ins.open(alice, TAB)
    clock.advance(minutes=60)
    await sign_ins.expire()
    clock.advance(ms=RENEWAL_LIMIT_MS - 1)
    await sign_ins.expire()

    assert doorman.seen == [("arrived", "alice")]


@pytest.mark.parametrize("after_ms", [0, MINUTE_MS, 2 * MINUTE_MS - 1])
async def test_who_renews_in_time_stays_and_has_not_arrived_again(
    after_ms, sign_ins, doorman, alice, clock
):
    await sign_ins.open(alice, TAB)
    clock.advance(ms=after_ms)
    await sign_ins.expire()
    await sign_ins.renew(user("alice"), TAB)
    clock.advance(minutes=1000)
    await sign_ins.expire()

    assert doorman.seen == [("arrived", "alice")]


async def test_a_connection_that_lapsed_is_anybodys(sign_ins, told, doorman, alice, clock):
    await sign_ins.open(alice, TAB)
    for _ in range(2):
        clock.advance(minutes=1)
        await sign_ins.expire()
    await sign_ins.renew(user("bob"), TAB)

    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice"), ("arrived", "bob")]


@pytest.mark.parametrize("after_ms", [0, MINUTE_MS])
async def test_nobody_else_signs_in_where_a_user_is_or_may_come_back(
    after_ms, sign_ins, told, alice, clock
):
    await sign_ins.open(alice, TAB)
    clock.advance(ms=after_ms)
    await sign_ins.expire()
    told.clear()

    assert (await refused(sign_ins.renew(user("bob"), TAB))).code is Code.FORBIDDEN
    assert told == []


async def test_a_user_id_is_the_same_as_a_number_and_as_text(sign_ins, told):
    await sign_ins.open(user("7"), TAB)
    number = User(user_id=NumericUserId(7), login="seven", expires_ms=None)
    await sign_ins.renew(number, TAB)

    assert told[-1] == SignedIn(connection_id=TAB, user=number)


async def test_an_older_token_shown_later_is_what_counts(sign_ins, told, alice, clock):
    await sign_ins.open(user("alice", clock.now_ms() + 10 * MINUTE_MS), TAB)
    await sign_ins.renew(alice, TAB)
    told.clear()
    clock.advance(minutes=1)
    await sign_ins.expire()

    assert [type(event) for event in told] == [SignInExpired]


async def test_who_could_not_arrive_is_nobody_and_may_sign_in_again(sign_ins, told, doorman, alice):
    porter = Doorman()
    sign_ins.watch(porter)
    porter.is_ill = True
    with pytest.raises(ConnectionError):
        await sign_ins.renew(alice, TAB)
    assert told[-1] == SignedOut(connection_id=TAB)
    assert doorman.seen == [("arrived", "alice"), ("lost", "alice")]

    porter.is_ill = False
    await sign_ins.renew(alice, TAB)
    assert porter.seen == [("arrived", "alice")]
    assert isinstance(told[-1], SignedIn)


async def test_a_watcher_that_fails_is_told_of_a_lapse_again(sign_ins, doorman, alice, clock):
    await sign_ins.open(alice, TAB)
    clock.advance(minutes=1)
    await sign_ins.expire()
    clock.advance(minutes=1)
    doorman.is_ill = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await sign_ins.expire()
        assert (await refused(sign_ins.renew(alice, TAB))).code is Code.UNAVAILABLE
    doorman.is_ill = False
    await sign_ins.expire()

    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice")]


async def test_who_departs_while_a_watcher_fails_is_not_held_for_ever(
    sign_ins, doorman, alice, clock
):
    await sign_ins.open(alice, TAB)
    clock.advance(minutes=1)
    await sign_ins.expire()
    clock.advance(minutes=1)
    sign_ins.watch(Clumsy(sign_ins))
    with pytest.raises(ConnectionError):
        await sign_ins.expire()
    await sign_ins.expire()

    assert doorman.seen == [("arrived", "alice"), ("lapsed", "alice"), ("lost", "alice")]
    assert sign_ins._held == {}


async def test_renewing_often_takes_no_more_memory(sign_ins, clock, monkeypatch):
    monkeypatch.setattr(signins, "_SPARE", 10)
    for count in range(1000):
        await sign_ins.renew(user("alice", clock.now_ms() + MINUTE_MS + count), TAB)

    assert len(sign_ins._due) <= 2 + 10 + 1
    clock.advance(ms=MINUTE_MS + 999)
    await sign_ins.expire()
    assert sign_ins._held[TAB].has_expired


async def test_ten_thousand_tokens_that_run_out_at_once_are_each_told(sign_ins, told, clock):
    for number in range(10_000):
        late_ms = clock.now_ms() + MINUTE_MS
        await sign_ins.open(user(f"user-{number}", late_ms), ConnectionId(f"tab-{number}"))
    told.clear()
    clock.advance(minutes=1)
    await sign_ins.expire()

    assert len({event.connection_id for event in told}) == len(told) == 10_000
