"""Messages of workspaces, over HTTP."""

import pytest


@pytest.fixture
async def secret(alice, bob, acme):
    """One that is end-to-end encrypted."""
    await alice.adds(acme, bob)
    return (await alice.makes(acme, bob, isEncrypted=True))["id"]


async def test_a_message_is_told_as_the_contract_has_it(alice, bob, acme, general):
    said = await alice.says(general, "hello", attachments=[{"url": "x"}], clientMessageId="m-1")
    assert said.pop("createdAt").endswith("Z")
    assert said == {
        "id": "m-1",
        "conversationId": general,
        "workspaceId": acme,
        "seq": 1,
        "userId": alice.user_id,
        "content": "hello",
        "attachments": [{"url": "x"}],
        "replyToId": None,
        "threadId": None,
        "replyCount": 0,
        "lastReplyAt": None,
        "editedAt": None,
        "deletedAt": None,
        "reactions": {},
        "readBy": 0,
        "isEncrypted": False,
    }
    (read,) = await bob.reads(general)
    assert (read["id"], read["content"], read["attachments"]) == ("m-1", "hello", [{"url": "x"}])


async def test_null_says_as_little_of_a_message_as_what_is_left_out(alice, general):
    names = ("attachments", "fileIds", "replyToId", "clientMessageId", "encryptionMetadata")
    said = await alice.says(general, "hello", **dict.fromkeys(names))
    assert (said["attachments"], said["replyToId"]) == ([], None)


async def test_the_same_id_is_one_message(alice, general):
    first = await alice.says(general, "hello", clientMessageId="m-1")
    assert await alice.says(general, "hello", clientMessageId="m-1") == first
    assert len(await alice.reads(general)) == 1


async def test_what_clients_encrypt_is_relayed_as_it_is_with_its_metadata(alice, bob, secret):
    metadata = {"iv": "aXY=", "n": [1, None]}
    said = await alice.says(secret, "Y2lwaGVy", encryptionMetadata=metadata)
    assert (said["isEncrypted"], said["encryptionMetadata"]) == (True, metadata)
    (read,) = await bob.reads(secret)
    assert (read["content"], read["encryptionMetadata"]) == ("Y2lwaGVy", metadata)


def keys_for(*devices):
    """Metadata of a message that is encrypted for these."""
    named = [{"recipientId": who, "recipientDeviceId": device} for who, device in devices]
    return {"encryptionMetadata": {"encryptedKeys": named}}


async def test_an_opaque_message_that_says_for_which_devices_it_is_must_name_just_these(
    alice, bob, carol, acme, secret
):
    path = f"/chat/conversations/{secret}/messages"
    bobs, carols = (bob.user_id, "phone"), (carol.user_id, "phone")
    for wrong, detail in (((), "missing"), ((bobs, carols), "stale")):
        status, answer = await alice.ask("POST", path, {"content": "x", **keys_for(*wrong)})
        assert (status, answer["error"]) == (409, "device_mismatch")
        (named,) = answer[detail]
        assert named["userId"] == (bob if detail == "missing" else carol).user_id
    assert (await alice.says(secret, "x", **keys_for(bobs)))["seq"] == 1

    await bob.ask("DELETE", f"/chat/conversations/{secret}/members/{bob.user_id}")
    status, answer = await alice.ask("POST", path, {"content": "y", **keys_for(bobs)})
    assert (status, answer["error"]) == (409, "device_mismatch")
    assert (await alice.says(secret, "y", **keys_for()))["seq"] == 2


async def test_what_a_sealed_message_says_of_devices_counts_for_nothing(alice, general):
    assert (await alice.says(general, "x", **keys_for()))["seq"] == 1


async def test_devices_that_are_named_in_no_form_are_refused(alice, secret):
    for wrong in ("all", [{"recipientId": "x"}], [5]):
        said = {"content": "x", "encryptionMetadata": {"encryptedKeys": wrong}}
        status, answer = await alice.ask("POST", f"/chat/conversations/{secret}/messages", said)
        assert (status, answer["error"]) == (400, "invalid_request")


async def test_history_comes_page_by_page_in_both_directions(alice, general):
    for number in range(1, 6):
        await alice.says(general, str(number))
    path = f"/chat/conversations/{general}/messages?limit=2"
    _, newest = await alice.ask("GET", path)
    assert [one["content"] for one in newest["messages"]] == ["4", "5"]
    assert (newest["hasMore"], newest["nextCursor"]) == (True, "4")
    _, older = await alice.ask("GET", f"{path}&cursor=4")
    assert [one["content"] for one in older["messages"]] == ["2", "3"]
    _, oldest = await alice.ask("GET", f"{path}&before=2")
    assert [one["content"] for one in oldest["messages"]] == ["1"]
    assert (oldest["hasMore"], oldest["nextCursor"]) == (False, None)
    _, later = await alice.ask("GET", f"{path}&after=1")
    assert [one["content"] for one in later["messages"]] == ["2", "3"]
    assert later["nextCursor"] == "3"


async def test_a_cursor_goes_on_in_the_direction_that_was_asked_for(alice, general):
    for number in range(1, 7):
        await alice.says(general, str(number))
    path, query, found = f"/chat/conversations/{general}/messages?limit=2&after=1", "", []
    for _ in range(3):
        _, page = await alice.ask("GET", f"{path}{query}")
        found.append([one["content"] for one in page["messages"]])
        query = f"&cursor={page['nextCursor']}"
    assert found == [["2", "3"], ["4", "5"], ["6"]]
    assert page["nextCursor"] is None


async def test_replies_are_counted_and_stand_in_their_thread(alice, bob, general):
    first = await alice.says(general, "lunch?")
    await alice.says(general, "by the way")
    reply = await bob.says(general, "yes", replyToId=first["id"])
    await alice.says(general, "where?", replyToId=reply["id"])
    assert (reply["replyToId"], reply["threadId"]) == (first["id"], first["id"])
    thread = await bob.reads(general, f"?threadId={first['id']}")
    assert [one["content"] for one in thread] == ["lunch?", "yes", "where?"]
    assert thread[0]["replyCount"] == 2
    assert thread[0]["lastReplyAt"] == thread[-1]["createdAt"]


async def test_an_edit_is_ones_own_and_shown(alice, bob, general):
    path = f"/chat/messages/{(await alice.says(general, 'helo'))['id']}"
    assert (await bob.ask("PUT", path, {"content": "mine"}))[0] == 403
    status, answer = await alice.ask("PUT", path, {"content": "hello"})
    assert (status, answer["message"]["content"]) == (200, "hello")
    (read,) = await bob.reads(general)
    assert (read["content"], read["editedAt"] is not None) == ("hello", True)


async def test_what_was_deleted_says_nothing_any_more(alice, bob, general):
    said = await alice.says(general, "oops")
    await bob.ask("POST", f"/chat/messages/{said['id']}/reactions", {"emoji": "👍"})
    path = f"/chat/messages/{said['id']}"
    assert (await bob.ask("DELETE", path))[0] == 403
    status, answer = await alice.ask("DELETE", path)
    assert (status, answer["messageId"], answer["conversationId"]) == (200, said["id"], general)
    (read,) = await bob.reads(general)
    assert (read["content"], read["attachments"], read["reactions"]) == (None, [], {})
    assert read["deletedAt"] == answer["deletedAt"]


async def test_admins_delete_what_others_said(alice, bob, general):
    said = await bob.says(general, "spam")
    assert (await alice.ask("DELETE", f"/chat/messages/{said['id']}"))[0] == 200


async def test_a_reaction_comes_and_goes(alice, bob, general, clock):
    path = f"/chat/messages/{(await alice.says(general, 'hi'))['id']}/reactions"
    thumb = {"emoji": "👍"}
    _, answer = await bob.ask("POST", path, thumb)
    assert answer["message"]["reactions"] == {"👍": [bob.user_id]}
    clock.advance(seconds=1)
    _, answer = await alice.ask("POST", path, {**thumb, "action": "add"})
    assert answer["message"]["reactions"] == {"👍": [bob.user_id, alice.user_id]}
    _, answer = await alice.ask("POST", path, {**thumb, "action": "add"})
    assert answer["message"]["reactions"] == {"👍": [bob.user_id, alice.user_id]}
    _, answer = await bob.ask("POST", path, thumb)
    assert answer["message"]["reactions"] == {"👍": [alice.user_id]}


async def test_for_who_is_not_in_it_there_is_nothing(alice, carol, acme, general):
    await alice.adds(acme, carol)
    said = await alice.says(general, "between us")
    asked = (
        ("GET", f"/chat/conversations/{general}/messages", None),
        ("POST", f"/chat/conversations/{general}/messages", {"content": "me too"}),
        ("PUT", f"/chat/messages/{said['id']}", {"content": "x"}),
        ("DELETE", f"/chat/messages/{said['id']}", None),
        ("POST", f"/chat/messages/{said['id']}/reactions", {"emoji": "👍"}),
    )
    for one in asked:
        assert (await carol.ask(*one))[0] == 404, one


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"),
        ({"content": 7}, "invalid_request"),
        ({"content": "x", "attachments": "a"}, "invalid_request"),
        ({"content": "x", "attachments": [{}] * 21}, "invalid_request"),
        ({"content": "x" * 300_000}, "payload_too_large"),
        ({"content": "x", "replyToId": "nothing"}, "not_found"),
    ],
    ids=["nothing", "number", "text", "many", "large", "unknown"],
)
async def test_a_message_that_is_not_right_is_refused(alice, general, body, code):
    path = f"/chat/conversations/{general}/messages"
    _, problem = await alice.ask("POST", path, body)
    assert problem["code"] == code
