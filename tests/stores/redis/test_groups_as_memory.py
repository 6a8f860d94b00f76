"""RedisGroups: whatever is done, it answers as MemoryGroups does, and counts the same bytes."""

import random

import pytest
from msgspec import Struct, structs

from server.core.errors import AppError
from server.core.ids import NumericUserId, Recipient, UserId
from server.core.limits import Bounds
from server.stores.redis import codec
from tests.clocks import ManualClock
from tests.stores.backends import BACKENDS
from tests.stores.strangers import POLICY, Plaza, Stranger

MEMORY, *OTHERS = BACKENDS

LITTLE_SPACE = Bounds(groups=9, users=12, blocks_per_user=3, reports=6, total_bytes=45_000)
FEW_GROUPS = Bounds(groups=3, users=14, blocks_per_user=2, reports=4, total_bytes=120_000)
"""So that everything is refused now and then, and whoever is not here is forgotten."""

SMALL = structs.replace(POLICY, history_messages=4, history_bytes=9_000, idle_limit_ms=90_000)

PEOPLE = [*(UserId(f"user-{number}é") for number in range(15)), NumericUserId("7"), UserId("7")]

KEYS = [
    None,
    "red",
    {"kty": "RSA", "n": 1},
    {"n": 1, "kty": "RSA"},
    {"b": b"\x00\xff"},
    "k" * 2_000,
]

WORDS = ["hello", {"iv": "…"}, {"ct": b"\x00"}, "x" * 3_000, ""]

WAITS_MS = (1, 10, 2_999, 30_000, 60_000, 120_000)


class Twins:
    """Two stores in which the same people do the same."""

    def __init__(self, plazas, chance):
        self.plazas = plazas
        self.chance = chance
        self.tabs: dict[UserId, list[list[Stranger]]] = {user: [] for user in PEOPLE}
        self.refused = set()

    async def same(self, doing):
        """Do something in both, and see that both answer the same."""
        first, second = [await outcome(doing(place)) for place in (0, 1)]
        assert second == first
        assert spelled(second) == spelled(first)
        if isinstance(first, Refusal):
            self.refused.add(first.text)
        return first

    def tab(self, user):
        """The last connection of a user, or one of which the stores know nothing."""
        return self.tabs[user][-1] if self.tabs[user] else self.new_tab(user)

    def new_tab(self, user):
        pair = [plaza.stranger(user) for plaza in self.plazas]
        address = self.chance.choice(["here", "there"])
        for one in pair:
            one.address, one.forget_ms = address, self.plazas[0].clock.now_ms() + 200_000
        return pair

    async def act(self):
        chance = self.chance
        user, other = chance.choice(PEOPLE), chance.choice(PEOPLE)
        group = await self.plazas[0].groups.current(user)
        if group and chance.random() < 0.5:
            other = chance.choice(group.members).user_id
        for plaza in self.plazas:
            plaza.clock.advance(ms=1)
        await chance.choice(INSIDE if group and chance.random() < 0.7 else DEEDS)(self, user, other)


class Refusal(Struct, frozen=True):
    text: str


async def outcome(doing):
    try:
        return await doing
    except AppError as error:
        return Refusal(f"{error.code}: {error}")


def spelled(value):
    """All user ids in an answer as text or as number: either equals the other."""
    if isinstance(value, Recipient):
        return [codec.written(value)]
    parts = [getattr(value, name) for name in getattr(value, "__struct_fields__", ())]
    parts += value if isinstance(value, tuple) else ()
    return [word for part in parts for word in spelled(part)]


async def connect(twins, user, other):
    pair = twins.new_tab(user)
    if not isinstance(await twins.same(lambda at: pair[at].connect()), Refusal):
        twins.tabs[user].append(pair)


async def lose(twins, user, other):
    pair = twins.tab(user)
    await twins.same(lambda at: pair[at].lose())
    if pair in twins.tabs[user]:
        twins.tabs[user].remove(pair)


async def join(twins, user, other):
    pair, key, places = twins.tab(user), twins.chance.choice(KEYS), twins.chance.randint(2, 5)
    for plaza in twins.plazas:
        plaza.places = places
    over_http = not twins.tabs[user]
    await twins.same(lambda at: pair[at].join(key, over_http=over_http))


async def move_on(twins, user, other):
    pair, key = twins.tab(user), twins.chance.choice(KEYS)
    over_http = not twins.tabs[user]
    await twins.same(lambda at: pair[at].move_on(key, over_http=over_http))


async def leave(twins, user, other):
    pair = twins.tab(user)
    await twins.same(lambda at: pair[at].leave())


async def say(twins, user, other):
    pair, what = twins.tab(user), twins.chance.choice(WORDS)
    to = twins.chance.choice([None, None, other])
    earlier = twins.chance.choice([None, None, f"m-{twins.chance.randrange(40)}"])
    await twins.same(lambda at: pair[at].say(what, to=to, message_id=earlier))


async def read(twins, user, other):
    pair, limit = twins.tab(user), twins.chance.randint(1, 4)
    before = twins.chance.choice([None, f"m-{twins.chance.randrange(40)}"])
    await twins.same(lambda at: pair[at].read(before, limit))


async def type_(twins, user, other):
    pair = twins.tab(user)
    await twins.same(lambda at: pair[at].type())


async def block(twins, user, other):
    pair = twins.tab(user)
    await twins.same(lambda at: pair[at].block(other))


async def unblock(twins, user, other):
    pair = twins.tab(user)
    await twins.same(lambda at: pair[at].unblock(other))


async def report(twins, user, other):
    pair, evidence = twins.tab(user), twins.chance.choice([None, "ho", {"b": b"\x01"}, "e" * 1_500])
    await twins.same(lambda at: pair[at].report(other, evidence=evidence))


async def look_up(twins, user, other):
    pairs, in_group = (twins.tab(user), twins.tab(other)), twins.chance.random() < 0.5
    await twins.same(lambda at: pairs[0][at].key(asker=pairs[1][at], in_group=in_group))


async def wait(twins, user, other):
    ms = twins.chance.choice(WAITS_MS)
    for plaza in twins.plazas:
        plaza.clock.advance(ms=ms)
    await twins.same(lambda at: twins.plazas[at].expire_lost())
    await twins.same(lambda at: twins.plazas[at].expire_idle())


INSIDE = [say, say, say, read, type_, report, look_up]

DEEDS = [*INSIDE, connect, connect, lose, join, join, move_on, leave, block, unblock, wait]


async def look_around(twins, user):
    """Compare what is there without changing it."""
    await twins.same(lambda at: twins.plazas[at].totals())
    await twins.same(lambda at: twins.plazas[at].groups.page(1, 3))
    await twins.same(lambda at: twins.plazas[at].groups.current(user))
    await twins.same(lambda at: twins.plazas[at].groups.reports(None, 10))


RUNS = [(OTHERS[0], seed) for seed in range(2)] + [(other, 0) for other in OTHERS[1:]]
"""The same seed does the same on all of them, so that the others need no more."""


@pytest.mark.parametrize("bounds", [LITTLE_SPACE, FEW_GROUPS], ids=["little space", "few groups"])
@pytest.mark.parametrize(
    ("other", "seed"), RUNS, ids=[f"{other.name}-{seed}" for other, seed in RUNS]
)
async def test_both_answer_the_same_and_hold_as_many_bytes(other, bounds, seed, for_long):
    chance = random.Random(seed)
    async with MEMORY.groups(SMALL, bounds) as memory, other.groups(SMALL, bounds) as redis:
        twins = Twins([Plaza(one, SMALL, ManualClock()) for one in (memory, redis)], chance)
        for _ in range(500 * for_long):
            await twins.act()
            await look_around(twins, chance.choice(PEOPLE))
        assert len(twins.refused) >= 9, "so much was refused, for different reasons"
