"""Who is in a room may still not do what is another's there; and whom somebody has blocked."""

from typing import Any

from tests.apis.attacks.scenes import Person, Scene
from tests.apis.attacks.test_other_peoples_ids import filled

ROOM = "/api/rooms/{roomId}"
ALICE, BOB = "{alice}", "{bob}"

OF_ADMINS: list[tuple[str, dict[str, Any] | None]] = [
    (f"PUT {ROOM}", {"name": "bobs"}),
    (f"PUT {ROOM}", {"messageTtlSeconds": 1}),
    (f"POST {ROOM}/participants", {"userId": "{mallory}"}),
    ("DELETE /api/messages/message-2?roomId={roomId}", None),
]
"""What a plain member may not do."""

OF_OWNERS: list[tuple[str, dict[str, Any] | None]] = [
    (f"DELETE {ROOM}", None),
    (f"PUT {ROOM}/participants/{BOB}", {"role": "owner"}),
    (f"PUT {ROOM}/participants/{ALICE}", {"role": "member"}),
    (f"POST {ROOM}/participants", {"userId": "{mallory}", "role": "admin"}),
    (f"POST {ROOM}/participants", {"userId": BOB, "role": "owner"}),
    (f"DELETE {ROOM}/participants/{ALICE}", None),
]
"""What admins may not do either."""

OF_MEMBERS = [(f"PUT {ROOM}/participants/{BOB}", {"role": "admin"})]


async def check_forbidden(scene: Scene, who: Person, wishes: list[tuple[str, Any]]) -> None:
    names = {one.name: one.user_id for one in (scene.alice, scene.bob, scene.mallory)}
    before = await scene.seen_by(scene.alice)
    for name, body in wishes:
        ids = {**scene.ids, **names}
        answer = await scene.ask(who, filled(name, ids), filled(body, ids) if body else None)
        assert (answer.status, answer.code) == (403, "forbidden"), (name, body)
    assert await scene.seen_by(scene.alice) == before


async def test_a_plain_member_rules_nobody_and_changes_nothing(scene: Scene) -> None:
    await check_forbidden(scene, scene.bob, [*OF_ADMINS, *OF_OWNERS, *OF_MEMBERS])


async def test_an_admin_does_nothing_that_is_the_owners(scene: Scene) -> None:
    path = f"PUT /api/rooms/{scene.ids['roomId']}/participants/{scene.bob.user_id}"
    await scene.done(scene.alice, path, {"role": "admin"})
    await check_forbidden(scene, scene.bob, OF_OWNERS)


async def test_in_a_direct_conversation_nobody_rules(scene: Scene) -> None:
    said = await scene.done(
        scene.alice, f"GET /api/messages/direct/{scene.bob.user_id}"
    )  # fmt: skip
    scene.ids["roomId"] = said["data"]["messages"][0]["roomId"]
    everything = [*OF_ADMINS[:3], *OF_OWNERS, *OF_MEMBERS]
    for who in (scene.alice, scene.bob):
        await check_forbidden(scene, who, everything)
    delete = f"DELETE /api/messages/message-1?roomId={scene.ids['roomId']}"
    await check_forbidden(scene, scene.bob, [(delete, None)])


async def test_what_a_blocked_one_sends_reaches_nobody_and_looks_as_if_it_had(
    scene: Scene,
) -> None:
    first = {"recipientId": scene.alice.user_id, "encryptedContent": "before"}
    answer = await scene.done(scene.mallory, "POST /api/messages/send", first)
    await scene.done(scene.alice, "POST /api/users/blocks", {"userId": scene.mallory.user_id})
    before = await scene.seen_by(scene.alice)
    blocked = await scene.done(
        scene.mallory, "POST /api/messages/send", {**first, "encryptedContent": "harassment"}
    )
    assert blocked["data"].keys() == answer["data"].keys()
    assert blocked["data"]["deliveryStatus"] == answer["data"]["deliveryStatus"] == "sent"

    after = await scene.seen_by(scene.alice)
    assert "harassment" not in str(after)
    assert after["GET /api/messages/offline"] == before["GET /api/messages/offline"]
    for name, body in (
        (f"GET /api/messages/direct/{scene.mallory.user_id}", None),
        ("POST /api/messages/search", {"senderId": scene.mallory.user_id}),
    ):
        read = await scene.done(scene.alice, name, body)
        assert [one["encryptedContent"] for one in read["data"]["messages"]] == ["before"], name
