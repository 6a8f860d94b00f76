"""Searching words in what the server seals, over HTTP."""

from urllib.parse import quote

import pytest


@pytest.fixture
async def team(alice, bob, acme):
    """Bob is in Alice's workspace; Carol is not."""
    assert await alice.adds(acme, bob) == 200
    return acme


@pytest.fixture
async def general(alice, bob, team):
    return (await alice.makes(team, bob))["id"]


async def searched(who, text, **wish):
    """The answer to a search."""
    query = "".join(f"&{name}={quote(str(value))}" for name, value in wish.items())
    status, answer = await who.ask("GET", f"/chat/search?q={quote(text)}{query}")
    assert status == 200, answer
    return answer


async def found(who, text, **wish):
    """What is found, by content."""
    return [one["content"] for one in (await searched(who, text, **wish))["messages"]]


async def test_a_word_finds_what_was_said_whatever_its_case(alice, bob, team, general):
    said = await alice.says(general, "The Kettle is on")
    await alice.says(general, "tea is ready")
    answer = await searched(bob, "kettle", workspaceId=team)
    (shown,) = answer["messages"]
    assert shown == {**said, "readBy": shown["readBy"]}
    assert answer == {"success": True, "messages": [shown], "nextCursor": None}
    assert await found(bob, "KETTLE the") == ["The Kettle is on"]
    assert await found(bob, "ket") == []
    assert await found(bob, "kettle tea") == []
    status, answer = await bob.ask("GET", "/chat/search?query=kettle")
    assert (status, len(answer["messages"])) == (200, 1), "by the other word for it"


async def test_words_of_all_scripts_are_found(alice, bob, general):
    said = ["Straße nach Köln", "привет всем", "今日は紅茶です", "مرحبا بكم"]
    for one in said:
        await alice.says(general, one)
    for text, at in (("STRASSE", 0), ("köln", 0), ("Привет", 1), ("紅茶", 2), ("مرحبا", 3)):
        assert await found(bob, text) == [said[at]], text


async def test_one_character_beside_a_word_is_passed_over_as_one_letter_is(alice, bob, general):
    await alice.says(general, "水曜日 tea")
    for text in ("水 tea", "a tea", "曜日 水 tea"):
        assert await found(bob, text) == ["水曜日 tea"], text
    assert await found(bob, "曜水 tea") == []


async def test_what_is_found_is_narrowed_by_conversation_person_and_time(
    alice, bob, team, general, clock
):
    other = (await bob.makes(team, alice, name="other"))["id"]
    await alice.says(general, "tea one")
    clock.advance(minutes=1)
    middle = await bob.says(other, "tea two")
    clock.advance(minutes=1)
    await alice.says(other, "tea three")
    assert await found(bob, "tea") == ["tea three", "tea two", "tea one"]
    assert await found(bob, "tea", conversationId=general) == ["tea one"]
    assert await found(bob, "tea", userId=bob.user_id) == ["tea two"]
    at = middle["createdAt"]
    assert await found(bob, "tea", **{"from": at}) == ["tea three", "tea two"]
    assert await found(bob, "tea", to=at) == ["tea one"]


async def test_pages_go_on_where_the_last_one_ended(alice, bob, team, general):
    other = (await bob.makes(team, alice, name="other"))["id"]
    for number in range(5):
        await alice.says((general, other)[number % 2], f"tea {number}")
    seen: list[str] = []
    wish: dict[str, str] = {}
    for _ in range(3):
        answer = await searched(bob, "tea", limit=2, **wish)
        seen += [one["content"] for one in answer["messages"]]
        wish = {"cursor": answer["nextCursor"]}
    assert answer["nextCursor"] is None
    assert sorted(seen) == [f"tea {number}" for number in range(5)]


async def test_an_edit_is_found_by_its_new_words_and_what_is_deleted_by_none(alice, bob, general):
    first, second = [await alice.says(general, text) for text in ("green tea", "black tea")]
    await alice.ask("PUT", f"/chat/messages/{first['id']}", {"content": "coffee"})
    await alice.ask("DELETE", f"/chat/messages/{second['id']}")
    assert await found(bob, "tea") == []
    assert await found(bob, "coffee") == ["coffee"]


async def test_whoever_is_not_in_a_conversation_finds_nothing_of_it(
    alice, bob, carol, team, general
):
    await alice.says(general, "tea")
    assert await alice.adds(team, carol) == 200
    assert await found(carol, "tea", workspaceId=team) == []
    status, problem = await carol.ask("GET", f"/chat/search?q=tea&conversationId={general}")
    assert (status, problem["code"]) == (404, "not_found")
    assert await alice.removes(team, bob) == 200
    assert await found(bob, "tea") == []
    status, problem = await bob.ask("GET", f"/chat/search?q=tea&workspaceId={team}")
    assert (status, problem["code"]) == (404, "not_found")


async def test_what_only_clients_can_read_is_left_out_and_that_is_said(alice, bob, team, general):
    opaque = (await alice.makes(team, bob, name="secret", isEncrypted=True))["id"]
    await alice.says(opaque, "tea")
    await alice.says(general, "tea with milk")
    answer = await searched(bob, "tea")
    assert [one["content"] for one in answer["messages"]] == ["tea with milk"]
    assert answer["encryptedSkipped"] is True
    assert "encryptedSkipped" not in await searched(bob, "tea", conversationId=general)
    status, problem = await bob.ask("GET", f"/chat/search?q=tea&conversationId={opaque}")
    assert (status, problem["code"]) == (422, "unsearchable")


async def test_hostile_words_find_nothing_and_break_nothing(alice, bob, general):
    await alice.says(general, "tea")
    for text in ("'; DROP TABLE posts; --", "% _", "tea*", "\\u0000", "🫖🫖", "a" * 512):
        status, answer = await bob.ask("GET", f"/chat/search?q={quote(text)}")
        assert status in (200, 400), (text, answer)
        if text != "tea*":
            assert not answer.get("messages"), text


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?q=",
        "?q=a",
        "?q=%E6%B0%B4",
        "?q=!!!",
        f"?q={'x' * 513}",
        "?q=" + "+".join(f"w{number:02}" for number in range(21)),
        "?q=tea&limit=51",
        "?q=tea&cursor=1.2",
        "?q=tea&from=yesterday",
    ],
)
async def test_a_search_that_is_not_right_is_refused(alice, query):
    status, problem = await alice.ask("GET", f"/chat/search{query}")
    assert (status, problem["code"]) == (400, "invalid_request")


async def test_searching_has_a_rate(alice, general):
    statuses = [(await alice.ask("GET", "/chat/search?q=tea"))[0] for _ in range(20)]
    assert (statuses[0], statuses[-1]) == (200, 429)
