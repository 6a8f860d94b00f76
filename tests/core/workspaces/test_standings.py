"""As what people are shown in a workspace, and who is told of it."""

import pytest

from server.core.errors import Code
from server.core.held import LIFE_MS
from server.core.ids import NumericUserId, UserId, WorkspaceId
from server.core.workspaces.standings import key_of, of_key
from server.core.workspaces.values import Standing
from server.stores.sql.migrations import migrate
from tests.core.workspaces.hall import GRACE_MS, Hall, user
from tests.stores.sql.channels import atelier_of
from tests.stores.sql.households import Household
from tests.stores.sql.teams import code_of


@pytest.fixture
async def hall(core):
    """Alice, Bob and Carol are in a workspace, Dan is not; Alice has joined it."""
    await core.database.start()
    await migrate(core.database)
    home = Household(core.database)
    await home.settle("alice", "bob", "carol")
    made = Hall(core, await atelier_of(home))
    await made.join("alice")
    made.heard.clear()
    yield made
    await core.database.close()


async def shown(hall: Hall) -> dict[str, str]:
    found = await hall.standings.shown(user("alice"), hall.id, None, 10)
    return {str(one.user_id): one.standing.value for one in found}


async def choose(hall: Hall, name: str, standing: Standing) -> None:
    await hall.standings.choose(user(name), hall.id, standing)


async def test_the_first_connection_is_told_and_the_last_after_its_grace(hall):
    for connection in ("tab", "phone"):
        await hall.join("bob", connection)
    assert await shown(hall) == {"alice": "online", "bob": "online", "carol": "offline"}
    await hall.go("tab")
    await hall.go("phone")
    await hall.later(GRACE_MS - 1)
    assert hall.stands("alice") == [("bob", "online")]
    await hall.later(1)

    assert hall.stands("alice") == [("bob", "online"), ("bob", "offline")]
    assert await shown(hall) == {"alice": "online", "bob": "offline", "carol": "offline"}


async def test_who_chose_to_be_unseen_comes_and_goes_without_a_trace(hall):
    await hall.join("bob")
    await choose(hall, "bob", Standing.OFFLINE)
    await hall.go("bob")
    await hall.later(GRACE_MS)
    before, told = await hall.standings.shown(user("alice"), hall.id, None, 10), len(hall.heard)
    await hall.join("bob")
    await hall.go("bob")
    await hall.later(2 * GRACE_MS)

    assert hall.stands("alice") == [("bob", "online"), ("bob", "offline")]
    assert len(hall.heard) == told
    assert await hall.standings.shown(user("alice"), hall.id, None, 10) == before


async def test_what_somebody_without_a_connection_says_is_told_once(hall):
    await choose(hall, "carol", Standing.BUSY)
    await choose(hall, "carol", Standing.AWAY)

    assert hall.stands("alice") == [("carol", "busy"), ("carol", "away")]


async def test_when_somebody_was_there_last_is_when_its_last_connection_went(hall):
    await hall.join("bob")
    await hall.go("bob")
    await hall.later(GRACE_MS)
    now_ms = hall.clock.now_ms()

    seen = {
        one.user_id: one.seen_ms
        for one in await hall.standings.shown(user("bob"), hall.id, None, 10)
    }
    assert seen[UserId("bob")] == now_ms
    (event,) = [one for one, _ in hall.heard if one.standing is Standing.OFFLINE]
    assert event.seen_ms == now_ms


async def test_who_is_back_within_its_grace_was_never_away(hall):
    await hall.join("bob")
    await hall.go("bob")
    await hall.later(GRACE_MS - 1)
    await hall.join("bob")
    await hall.later(GRACE_MS)

    assert hall.stands("alice") == [("bob", "online")]


async def test_what_was_chosen_is_shown_then_and_the_next_time(hall):
    await hall.join("bob")
    await choose(hall, "bob", Standing.BUSY)
    await hall.go("bob")
    await hall.later(GRACE_MS)
    await hall.join("bob")

    assert [standing for _, standing in hall.stands("alice")] == [
        "online",
        "busy",
        "offline",
        "busy",
    ]
    assert (await shown(hall))["bob"] == "busy"


async def test_who_chooses_to_be_offline_is_shown_so_while_it_is_there(hall):
    await hall.join("bob")
    await choose(hall, "bob", Standing.OFFLINE)

    assert (await shown(hall))["bob"] == "offline"


async def test_who_says_what_it_is_without_a_connection_is_there_for_a_minute(hall):
    await choose(hall, "carol", Standing.AWAY)
    await hall.later(LIFE_MS - 1)
    await choose(hall, "carol", Standing.BUSY)
    await hall.later(LIFE_MS - 1)
    assert (await shown(hall))["carol"] == "busy"
    await hall.later(1)

    assert (await shown(hall))["carol"] == "offline"
    assert hall.stands("alice")[-1] == ("carol", "offline")


async def test_who_has_said_so_and_then_comes_stays(hall):
    await choose(hall, "carol", Standing.AWAY)
    await hall.join("carol")
    await hall.later(LIFE_MS)

    assert (await shown(hall))["carol"] == "away"
    assert ("carol", "offline") not in hall.stands("alice")


async def test_who_has_gone_and_then_says_so_is_there_for_a_minute(hall):
    await hall.join("carol")
    await hall.go("carol")
    await choose(hall, "carol", Standing.AWAY)
    await hall.later(GRACE_MS)
    assert (await shown(hall))["carol"] == "away"
    await hall.later(LIFE_MS)

    assert (await shown(hall))["carol"] == "offline"


async def test_whoever_is_not_in_a_workspace_is_told_nothing_of_it_and_says_nothing(hall):
    assert await code_of(hall.standings.shown(user("dan"), hall.id, None, 10)) is Code.NOT_FOUND
    assert await code_of(choose(hall, "dan", Standing.AWAY)) is Code.NOT_FOUND


async def test_who_is_put_out_is_told_to_be_offline_and_shown_no_more(hall):
    await hall.join("bob")
    await hall.put_out("bob")
    await hall.later(GRACE_MS)

    assert hall.stands("alice") == [("bob", "online"), ("bob", "offline")]
    assert await shown(hall) == {"alice": "online", "carol": "offline"}


@pytest.mark.parametrize("workspace_id", ["team", "4:team", "7"])
@pytest.mark.parametrize("user_id", [UserId("7"), UserId("7:7"), UserId("n7")])
def test_a_key_names_one_person_in_one_workspace(workspace_id, user_id):
    assert of_key(key_of(WorkspaceId(workspace_id), user_id)) == (workspace_id, user_id)


def test_whose_token_has_a_number_has_the_key_of_its_text():
    team = WorkspaceId("team")
    assert key_of(team, NumericUserId("7")) == key_of(team, UserId("7"))
