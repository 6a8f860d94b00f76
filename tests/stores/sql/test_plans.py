"""What is asked often reads by an index, on SQLite, whose planner knows no sizes of tables.

PostgreSQL goes through what is small: so it is asked about queues that are long.
"""

import pytest
from msgspec import structs

from server.core.durable import Status
from server.core.ids import (
    DeviceId,
    DocumentId,
    EventId,
    FileId,
    MessageId,
    RoomId,
    UserId,
    WorkspaceId,
)
from server.core.kinds import Kind
from server.core.limits import Bounds
from server.core.ports.channels import NewChannel
from server.core.ports.conversations import MessageRef, NewMessage, Search
from server.core.ports.device_keys import Claimer
from server.core.ports.files import FilePlace, NewFile
from server.core.ports.keys import Sealed, SealedPost
from server.core.ports.posts import PostChange, WordSearch
from server.core.ports.queues import NewEvent
from server.core.queued import KEY_ROTATION
from server.core.workspaces.values import NewPost
from server.stores.sql import account_steps, attached, device_keys, sign_ins, tokens
from server.stores.sql.attached import Hung
from server.stores.sql.conversations import history, lists, members, receipts, search, waiting
from server.stores.sql.conversations.knowing import draft_of
from server.stores.sql.conversations.storing import append_all
from server.stores.sql.queues import reading
from server.stores.sql.queues.acknowledging import Ack, acknowledge_all
from server.stores.sql.queues.announcing import Announcement, announce
from server.stores.sql.queues.appending import Draft
from server.stores.sql.queues.appending import append_all as queue_all
from server.stores.sql.queues.bodies import KEPT_MS
from server.stores.sql.queues.expiry import expire_events, lapse_queues
from server.stores.sql.queues.seeing import see
from server.stores.sql.steps import Statement, run
from server.stores.sql.workspaces import (
    changing,
    claims,
    files,
    finding,
    keys,
    leave_workspaces,
    listing,
    making,
    people,
    resealing,
    showing,
    words,
)
from server.stores.sql.workspaces.reading import Mark, mark_all
from tests.stores.sql.households import NOW_MS, phone
from tests.stores.sql.queues_at_home import Post
from tests.stores.sql.teams import asks, new_workspace

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

ALICE, BOB = UserId("alice"), UserId("bob")
TEA, SAFE = RoomId("tea"), RoomId("safe")
TEAM = WorkspaceId("team")
WHO = asks("alice", TEAM)
FILE = FileId("f1")
REF = MessageRef(MessageId("m1"))

NEW = NewMessage(
    sender=ALICE,
    sender_device=DeviceId("alice-phone"),
    room_id=TEA,
    recipient=None,
    new_room_id=RoomId("new"),
    message_id=MessageId("m2"),
    type="group",
    ciphertext="x",
    metadata=None,
    covered=None,
)

EVENT = Draft(
    NewEvent(
        event_id=EventId("e2"),
        sender=ALICE,
        sender_device=None,
        recipients=(BOB,),
        group_id=None,
        type="MESSAGE",
        metadata=None,
        payload="x",
        is_rotation=False,
    ),
    NOW_MS,
)

ACK = Ack(phone("bob"), EventId("e1"), NOW_MS)

FULL = Bounds(queue_events_of_sender=1)
NARROW = Bounds(queue_events_of_sender=1, queue_rotations=1)
"""With which whatever waits may be too much."""

WORD = Announcement(KEY_ROTATION, TEA, (BOB,), {"reason": "member_added"})

ANSWER = structs.replace(
    NEW, post=NewPost(reply_to=MessageId("m1"), tokens=("t",), file_ids=(FILE,))
)

CHANGE = PostChange(ciphertext="y", metadata=None)

SEALED = SealedPost(
    room_id=SAFE, seq=1, message_id=MessageId("m4"), edits=0, box="x", tokens=("v",)
)

UNDER_OLD = Sealed(key=new_workspace(TEAM).key, posts=(SEALED,))

CHANNEL = NewChannel(
    room_id=RoomId("another"),
    workspace_id=TEAM,
    kind=Kind.DOCUMENT,
    key_version=None,
    name="",
    description="",
    icon="",
    document_id=DocumentId("d"),
    members=(),
)

OFTEN = {
    "storing": lambda: append_all([draft_of(NEW, NOW_MS, None)], Bounds(), waits=True),
    "answering": lambda: append_all([draft_of(ANSWER, NOW_MS, None)], Bounds(), waits=True),
    "receipts": lambda: receipts.acknowledge(phone("bob"), (REF,), Status.READ, NOW_MS),
    "one message": lambda: history.get(BOB, REF, NOW_MS),
    "deletion": lambda: history.delete(ALICE, REF, NOW_MS),
    "history": lambda: history.history(BOB, TEA, 50, NOW_MS, None, None),
    "what waits": lambda: waiting.waiting(phone("bob"), 50, NOW_MS, None, {}),
    "rooms": lambda: lists.page(BOB, None, 50, NOW_MS, managed=False),
    "search": lambda: search.search(BOB, Search(), None, 50, NOW_MS),
    "acquaintances": lambda: members.acquaintances(BOB, 100),
    "place": lambda: listing.place(WHO, TEA),
    "conversation": lambda: listing.channel(TEA, BOB),
    "conversations": lambda: listing.page(WHO, TEAM, None, None, 50, NOW_MS),
    "unread": lambda: listing.unread(WHO, TEAM, NOW_MS),
    "conversations that are joined": lambda: listing.joined(WHO, TEAM),
    "page": lambda: showing.page(BOB, TEA, 50, NOW_MS, None, None, None),
    "thread": lambda: showing.page(BOB, TEA, 50, NOW_MS, None, None, MessageId("m1")),
    "what was missed": lambda: showing.told_after(TEA, 0, 50),
    "edit": lambda: changing.edit(ALICE, REF, CHANGE, 0, NOW_MS, Bounds()),
    "reaction": lambda: changing.react(BOB, REF, "x", None, NOW_MS, Bounds()),
    "reading": lambda: mark_all([Mark(BOB, TEA, REF.message_id, NOW_MS)], waits=True),
    "making": lambda: making.create(WHO, CHANNEL, NOW_MS, Bounds()),
    "what is under a key": lambda: resealing.under(new_workspace(TEAM).key, 10),
    "sealing anew": lambda: resealing.reseal_posts(SAFE, UNDER_OLD, UNDER_OLD),
    "another key": lambda: keys.rotate(
        new_workspace(TEAM).key, structs.replace(new_workspace(TEAM).key, version=2), "", NOW_MS
    ),
    "where words are": lambda: words.searched(WHO, TEAM, None),
    "words": lambda: words.find(WHO, WordSearch(tokens={(TEAM, 1): ("t", "u")}), None, 50, NOW_MS),
    "session": lambda: tokens.session("f"),
    "sessions": lambda: tokens.standing(["f"]),
    "renewal": lambda: tokens.rotate(b"t", b"u", NOW_MS, 1),
    "sign-in": lambda: account_steps.find("alice", b"", NOW_MS),
    "devices": lambda: sign_ins.devices(ALICE),
    "bundle": lambda: device_keys._claim_bundle(
        ALICE, Claimer(BOB, DeviceId("bob-phone")), one_time=True, now_ms=NOW_MS
    ),
    "workspaces": lambda: finding.page(WHO),
    "a workspace": lambda: finding.get(WHO, TEAM),
    "members of a workspace": lambda: finding.members(WHO, TEAM, None, 50),
    "who says what there": lambda: finding.standings(WHO, TEAM, None, 1_001),
    "what a token names": lambda: claims.unclaimed(WHO),
    "coming in by a token": lambda: claims.claim(
        asks("carol", TEAM), [new_workspace(TEAM)], NOW_MS, Bounds()
    ),
    "a key of a workspace": lambda: finding.key(TEAM, None),
    "making a workspace": lambda: people.create(ALICE, new_workspace(), NOW_MS, Bounds()),
    "adding to a workspace": lambda: people.set_member(WHO, TEAM, BOB, None, NOW_MS, Bounds()),
    "removing from a workspace": lambda: people.remove_member(
        asks("bob"), TEAM, BOB, NOW_MS, Bounds()
    ),
    "leaving all workspaces": lambda: leave_workspaces(ALICE, None, NOW_MS),
    "queueing": lambda: queue_all([EVENT], FULL, waits=True),
    "acknowledging": lambda: acknowledge_all([ACK], waits=True),
    "a word on a group": lambda: announce([WORD], ALICE, NOW_MS, NARROW),
    "expiry of events": lambda: expire_events(NOW_MS + KEPT_MS, 10),
    "expiry of queues": lambda: lapse_queues(NOW_MS + KEPT_MS, 10),
    "a queue": lambda: reading.after(phone("bob"), 0, 100, 1_000),
    "being seen": lambda: see([phone("bob")], NOW_MS),
    "a place for files": lambda: files.place(WHO, TEA),
    "a file": lambda: files.get(WHO, FILE, NOW_MS),
    "beginning a file": lambda: files.begin(
        NewFile(
            file_id=FileId("f2"),
            place=FilePlace(room_id=TEA, workspace_id=TEAM, key=new_workspace(TEAM).key),
            uploader=ALICE,
            reserved_bytes=1,
            wrapped_key=b"",
            details="",
        ),
        NOW_MS,
        NOW_MS,
        Bounds(),
    ),
    "finishing a file": lambda: files.finish(FileId("coming"), 1, NOW_MS),
    "holding files": lambda: attached.hold_more_files(TEA, 1, ALICE, [FILE, FileId("free")]),
    "hanging files": lambda: attached.hang_files(TEA, TEAM, [Hung(1, ALICE, (FILE,), NOW_MS)]),
    "dropping files": lambda: attached.drop_files(TEA, TEAM, 1, ALICE, NOW_MS, [FILE]),
    "leaving files": lambda: attached.leave_files(ALICE, None, NOW_MS),
    "ending files": lambda: attached.end_files([(TEA, 1)]),
    "ending files of a room": lambda: attached.end_files_of_room(TEA),
    "garbage": lambda: files.garbage(NOW_MS, 100),
    "forgetting garbage": lambda: files.forget([FILE]),
    "expiry of accounts": lambda: account_steps.expire(NOW_MS, 1),
}

OF_QUERIES = (
    *("page", "due", "s", "m", "me", "looked_at"),
    *("counted", "json_each", "asked", "CONSTANT"),
)
"""What else is gone through than tables."""


@pytest.fixture
async def household(home):
    """With something in each table that is asked."""
    for room, is_sealed in ((TEA, False), (SAFE, True)):
        await home.change(
            "INSERT INTO rooms (room_id, kind, name, description, created_by, created_ms, "
            "updated_ms, seq, active_ms, is_sealed) "
            "VALUES ($1, 'group', $2, $2, 'alice', 1, 1, 0, 1, $3)",
            room,
            b"",
            is_sealed,
        )
        for name in ("alice", "bob"):
            await home.change(
                "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, "
                "read_seq) VALUES ($1, $2, 'member', 1, 0, 0)",
                room,
                name,
            )
    await Post(home, Bounds()).send("alice", "bob", "e1")
    await home.workspaces.create(ALICE, new_workspace(TEAM), NOW_MS)
    await home.workspaces.set_member(WHO, TEAM, BOB, None, NOW_MS)
    await home.change("UPDATE rooms SET workspace_id = $1", TEAM)
    await home.send("alice", TEA, "m1", post=NewPost(tokens=("t",)))
    await home.send("alice", SAFE, "m4", post=NewPost(key_version=1, tokens=("t", "u")))
    await home.send("bob", TEA, "m3", post=NewPost(reply_to=MessageId("m1")))
    await home.change("INSERT INTO token_families VALUES ('f', 'alice', 'alice-phone', 1, NULL)")
    await home.change("INSERT INTO refresh_tokens VALUES ($1, 'f', 1, $2, NULL)", b"t", NOW_MS)
    for file_id, state in ((FILE, "ready"), ("free", "ready"), ("coming", "uploading")):
        await home.change(
            "INSERT INTO files VALUES ($1, $2, 'tea', 'alice', $3, 1, 1, $4, $4, NULL, 1, 1)",
            file_id,
            TEAM,
            state,
            b"",
        )
    return home


def explained(steps, plan, explain="EXPLAIN QUERY PLAN"):
    """The same steps, whose plans are noted."""
    statement = next(steps)
    while True:
        sql = f"{explain} {statement.sql}"
        arguments = statement.many[0] if statement.many else statement.arguments
        found = yield Statement(sql, arguments)
        plan += [one[-1] for one in found]
        found = yield statement
        try:
            statement = steps.send(found)
        except StopIteration as end:
            return end.value


async def plan_of(household, what):
    plan: list[str] = []
    await household.database.write(lambda: explained(OFTEN[what](), plan))
    assert plan
    return plan


@on_sqlite
@pytest.mark.parametrize("what", OFTEN)
async def test_no_table_is_gone_through_for(household, what):
    plan = await plan_of(household, what)
    scans = [one for one in plan if one.startswith("SCAN ") and "(subquery" not in one]
    assert [one for one in scans if one.split()[1] not in OF_QUERIES] == []


@on_sqlite
@pytest.mark.parametrize("what", ["receipts", "one message", "deletion"])
async def test_a_message_is_found_by_its_id_and_not_among_all_that_a_room_holds(household, what):
    plan = await plan_of(household, what)
    begins, reads = [one for one in plan if not one.startswith("LIST")][:2]
    assert begins == "MATERIALIZE m"
    assert reads.startswith("SEARCH messages USING INDEX")
    assert "(message_id=?)" in reads
    then = [one.split()[1] for one in plan if one.startswith(("SCAN m", "SEARCH m", "SEARCH r"))]
    assert then[:4] == ["messages", "m", "me", "r"]


@on_sqlite
@pytest.mark.parametrize("what", ["storing", "devices"])
async def test_devices_that_were_revoked_are_not_read_for(household, what):
    of_devices = [one for one in await plan_of(household, what) if "devices" in one]
    assert of_devices
    assert all("INDEX devices_live" in one for one in of_devices)


@on_sqlite
async def test_what_waits_of_a_sender_is_counted_in_an_index_alone(household):
    plan = await plan_of(household, "queueing")
    assert any("COVERING INDEX queued_events_by_sender" in one for one in plan)


@on_sqlite
@pytest.mark.parametrize(
    ("what", "index"),
    [
        ("a word on a group", "events_by_group"),
        ("a word on a group", "queued_rotations"),
        ("expiry of events", "queued_losses"),
        ("queueing", "room_members_unasked"),
    ],
)
async def test_what_is_a_small_part_of_a_table_is_read_by_an_index_of_that_part(
    household, what, index
):
    assert any(f"INDEX {index} " in one for one in await plan_of(household, what))


_LONG = """
    INSERT INTO queued_events (user_id, device_id, seq, first_seq, event_id, sender_id)
    SELECT 'bob', 'phone ' || n % 10, n, n, 'event ' || n, 'sender ' || n % 20
    FROM generate_series(1, 20000) AS n
"""

_LONG_QUEUES = """
    INSERT INTO queues (user_id, device_id, seq, waiting, seen_ms, has_lapsed)
    SELECT 'bob', 'phone ' || n, 20000, 2000, 1, FALSE FROM generate_series(0, 9) AS n
"""


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("what", ["queueing", "acknowledging", "a queue", "being seen"])
async def test_the_queues_of_others_are_not_gone_through_for(household, what):
    for sql in (_LONG_QUEUES, _LONG, "ANALYZE"):
        await household.database.write(lambda sql=sql: run(sql))
    plan: list[str] = []
    await household.database.write(lambda: explained(OFTEN[what](), plan, "EXPLAIN"))
    read = [one for one in plan if "queued_events" in one and "Scan" in one]
    assert not [one for one in read if "Seq Scan" in one], read
