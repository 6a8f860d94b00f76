"""Public keys of others, and people who are looked for."""

from typing import Any

import pytest

from tests.apis.event_queue.people import Member, call
from tests.apis.session_relay.sessions import configured


async def test_everybody_sees_the_key_that_somebody_shows(alice, bob):
    status, answer = await alice.ask("GET", f"/api/users/{bob.user_id}/public-key")
    assert status == 200
    assert answer["public_key"] == "key of bob"
    assert answer["user_id"] == bob.user_id


async def test_keys_of_many_come_at_once_and_who_has_none_is_named(alice, bob):
    body = {"user_ids": [alice.user_id, bob.user_id, "nobody", bob.user_id, "nobody"]}
    status, answer = await alice.ask("POST", "/api/users/public-keys", body)
    keys = {alice.user_id: "key of alice", bob.user_id: "key of bob"}
    assert (status, answer) == (200, {"public_keys": keys, "not_found": ["nobody"]})


async def test_who_has_signed_up_with_a_password_shows_no_key(alice, http):
    body = {"username": "dave", "email": "dave@example.com", "password": "SecurePass123!"}
    _, made = await call(http, "POST", "/api/auth/signup", body)
    dave = made["data"]["userId"]
    answer = await alice.ask("POST", "/api/users/public-keys", {"user_ids": [dave]})
    assert answer == (200, {"public_keys": {}, "not_found": [dave]})
    status, problem = await alice.ask("GET", f"/api/users/{dave}/public-key")
    assert (status, problem["code"]) == (404, "not_found")


# --- rates ---


async def until_refused(who: Member, *asked: Any) -> int:
    """How often somebody may ask that before it has to wait."""
    for number in range(100):
        status, answer = await who.ask(*asked)
        if status != 200:
            assert (status, answer["code"]) == (429, "rate_limited")
            return number
    raise AssertionError("there is no rate")


@configured(USER_LOOKUPS_PER_MINUTE=16)  # four at once
async def test_each_key_that_is_asked_for_counts(alice, bob, carol):
    both = {"user_ids": [alice.user_id, bob.user_id]}
    assert await until_refused(alice, "GET", f"/api/users/{bob.user_id}/public-key") == 4
    assert await until_refused(bob, "POST", "/api/users/public-keys", both) == 2
    assert await until_refused(carol, "POST", "/api/users/public-keys", {"user_ids": ["x"]}) == 4


async def test_nobody_searches_without_end(alice, bob):
    assert await until_refused(alice, "GET", "/api/users/search?q=bob") == 15
    assert await found(bob, "alice") == ["Alice"]


async def test_more_keys_than_a_hundred_are_too_many(alice):
    for count, status in ((100, 200), (101, 400)):
        body = {"user_ids": [f"user-{number}" for number in range(count)]}
        assert (await alice.ask("POST", "/api/users/public-keys", body))[0] == status


async def found(member, text: str) -> list[str]:
    status, answer = await member.ask("GET", f"/api/users/search?q={text}")
    assert status == 200, answer
    return [one["display_name"] for one in answer["users"]]


async def test_people_are_found_by_the_first_letters_of_their_name(alice, join):
    for name in ("Robert", "roberta", "Bob"):
        await join(name.lower(), display_name=name)
    assert await found(alice, "ROB") == ["Robert", "roberta"]
    assert await found(alice, "ert") == []


async def test_people_are_found_by_their_whole_verified_address_alone(alice, bob, http):
    squatter = {"username": "bobby", "email": "bobby@example.com", "password": "SecurePass123!"}
    await call(http, "POST", "/api/auth/signup", squatter)
    assert await found(alice, "bob@example.com") == ["Bob"]
    assert await found(alice, "BOB@example.com") == ["Bob"]
    assert await found(alice, "bob@example") == []
    assert await found(alice, "bobby@example.com") == []


@pytest.mark.parametrize("text", ["bo", "%25%25%25", "___", "%20%20bo%20"])
async def test_fewer_letters_than_three_or_wildcards_find_nobody(alice, bob, text):
    status, answer = await alice.ask("GET", f"/api/users/search?q={text}")
    assert status == 400 or answer["users"] == []


async def test_a_text_that_is_longer_than_any_address_is_refused(alice):
    for letters, status in ((254, 200), (255, 400)):
        assert (await alice.ask("GET", f"/api/users/search?q={'x' * letters}"))[0] == status


async def test_whoever_blocks_me_is_not_found_by_me(alice, bob):
    status, _ = await bob.ask("POST", "/api/users/blocks", {"userId": alice.user_id})
    assert status == 201
    assert await found(alice, "bob") == []


async def test_twenty_are_found_at_most(alice, join):
    for number in range(22):
        await join(f"twin{number:02}", display_name=f"Twin {number:02}")
    assert await found(alice, "twin") == [f"Twin {number:02}" for number in range(20)]
