"""A database that holds something is brought up to date from each version there was, without loss.

What is counted afterwards is counted here once more, from the rows.
"""

import itertools
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from server.core.ids import MessageId, UserId
from server.core.ports.conversations import MessageRef
from server.stores.sql.migrations import known_migrations, migrate
from server.stores.sql.steps import Steps, rows, run, run_many
from server.stores.sql.usage import MESSAGE_BYTES
from tests.stores.sql.conftest import ENGINES
from tests.stores.sql.households import NOW_MS, Household, phone

KEY = bytes(range(32))

Table = tuple[str, tuple[tuple[Any, ...], ...]]
"""Columns, and rows."""

PEOPLE: dict[str, Table] = {
    "accounts": (
        (
            "user_id, username, username_key, email, email_key, display_name, password_hash, "
            "password_is_temporary, is_operator, created_ms, banned_ms, deleted_ms"
        ),
        (
            ("alice", "Alice", "alice", "a@x", "a@x", "Älice", "hash", False, True, 1, None, None),
            ("bob", "Bob", "bob", "b@x", "b@x", "Bob", None, True, False, 2, 5, None),
            ("gone", "", None, "", None, "", None, False, False, 3, None, 9),
        ),
    ),
    "devices": (
        "user_id, device_id, name, type, created_ms, seen_ms, revoked_ms",
        (
            ("alice", "alice-phone", "Phone", "mobile", 1, 2, None),
            ("alice", "alice-old", "", "", 1, 2, 3),
            ("bob", "bob-phone", "Telefon ☎", "mobile", 1, 2, None),
        ),
    ),
    "registrations": (
        (
            "token_hash, user_id, device_id, device_name, device_type, address_hash, created_ms, "
            "expires_ms, used_ms"
        ),
        ((KEY, "bob", "bob-laptop", "", "", b"\0", 1, 2, None),),
    ),
    "token_families": (
        "family_id, user_id, device_id, created_ms, ended_ms",
        (("f1", "alice", "alice-phone", 1, None), ("f2", "bob", "bob-phone", 1, 2)),
    ),
    "refresh_tokens": (
        "token_hash, family_id, issued_ms, expires_ms, used_ms",
        ((b"t1", "f1", 1, 2, None), (b"t2", "f1", 1, 2, 2), (b"t3", "f2", 1, 2, None)),
    ),
    "known_addresses": ("user_id, address_hash, seen_ms", (("alice", KEY, 1),)),
    "account_blocks": ("user_id, blocked_id, created_ms", (("bob", "gone", 1),)),
    "audit": (
        "entry_id, at_ms, action, user_id, device_id, subject_id",
        (("e1", 1, "signed_up", "alice", None, None), ("e2", 2, "banned", None, None, "bob")),
    ),
}

KEYS: dict[str, Table] = {
    "identity_keys": (
        "user_id, public_key, type, created_ms",
        (("alice", KEY, "ed25519", 1), ("bob", KEY[::-1], "x25519", 1)),
    ),
    "device_keys": (
        (
            "user_id, device_id, public_key, signed_key_id, signed_public_key, signature, "
            "signed_ms, verified, version, low_told, used"
        ),
        (
            ("alice", "alice-phone", KEY, 1, KEY, KEY * 2, 1, True, 3, False, 7),
            ("bob", "bob-phone", KEY, 2**53 - 1, KEY, KEY * 2, 1, False, 1, True, 0),
        ),
    ),
    "prekeys": (
        "user_id, device_id, key_id, public_key, place, expires_ms, claimed_ms",
        tuple(
            ("alice", "alice-phone", at, KEY, at, NOW_MS + at, 5 if at < 3 else None)
            for at in range(9)
        ),
    ),
    "spent_prekeys": (
        "user_id, device_id, first_id, last_id",
        (("alice", "alice-phone", 100, 163), ("alice", "alice-phone", 200, 200)),
    ),
}

METADATA = '{"nonce":"ü"}'.encode()


def said(
    room: str, seq: int, sender: str, ciphertext: bytes | None, **more: Any
) -> tuple[Any, ...]:
    """A row of `messages`."""
    values: dict[str, Any] = {
        "expires_ms": None, "deleted_ms": None, "withheld": False, "metadata": None, **more
    }  # fmt: skip
    named = (room, seq, f"{sender}-{seq}", sender, f"{sender}-phone", "direct", NOW_MS + seq)
    return (*named, *values.values(), ciphertext)


MESSAGES = (
    said("direct", 1, "alice", b"c2VjcmV0", metadata=METADATA),
    said("direct", 2, "bob", b"x" * 300_000, withheld=True),
    said("direct", 3, "alice", "Ä☎".encode(), expires_ms=NOW_MS + 10),
    said("direct", 4, "alice", None, deleted_ms=NOW_MS + 5),
    said("group", 1, "bob", b"", metadata=b"{}"),
    said("ended", 1, "alice", b"y" * 1_000),
    said("ended", 2, "gone", b"z", expires_ms=NOW_MS),
)

ROOMS: dict[str, Table] = {
    "rooms": (
        ("room_id, kind, workspace_id, pair_key, name, description, created_by, created_ms, "
        "updated_ms, seq, active_ms, ttl_ms, deleted_ms"),
        (
            ("direct", "direct", None, '[null,"alice","bob"]', b"", b"", "alice", 1, 1, 4,
             NOW_MS + 4, None, None),
            ("group", "group", None, None, "Tee ☕".encode(), b"\0\xff", "bob", 1, 2, 1,
             NOW_MS + 1, 60_000, None),
            ("ended", "group", None, None, b"Old", b"", "alice", 1, 2, 2, NOW_MS + 2, None, 9),
        ),
    ),
    "room_members": (
        "room_id, user_id, role, joined_ms, joined_seq, read_seq",
        (
            ("direct", "alice", "member", 1, 0, 2),
            ("direct", "bob", "member", 1, 0, 0),
            ("group", "bob", "owner", 1, 0, 1),
            ("group", "alice", "member", 2, 1, 1),
        ),
    ),
    "messages": (
        ("room_id, seq, message_id, sender_id, sender_device_id, type, created_ms, expires_ms, "
        "deleted_ms, withheld, metadata, ciphertext"),
        MESSAGES,
    ),
    "receipts": (
        "room_id, seq, user_id, delivered_ms, read_ms",
        (("direct", 1, "bob", 5, None), ("direct", 3, "bob", 5, 6)),
    ),
    "device_cursors": (
        "user_id, device_id, room_id, seq", (("bob", "bob-phone", "direct", 1),)
    ),
    "device_acks": (
        "user_id, device_id, room_id, seq", (("bob", "bob-phone", "direct", 3),)
    ),
}  # fmt: skip

STRANGERS: dict[str, Table] = {
    "room_members": (
        "room_id, user_id, role, joined_ms, joined_seq, read_seq, unasked, added_by",
        (("group", "gone", "member", 2, 1, 1, True, "bob"),),
    ),
    "audit": (
        "entry_id, at_ms, action, user_id, device_id, subject_id, room_id",
        (("e3", 3, "member_added", "bob", None, "gone", "group"),),
    ),
}

WORKSPACES: dict[str, Table] = {
    "foreign_users": (
        "user_id, issuer, is_numeric, name, seen_ms",
        (("7", "", True, "Ünal".encode(), 1), ("x|y", "https://a.example", False, b"\0", 2)),
    ),
    "workspaces": (
        "workspace_id, name, key_version, created_by, created_ms, updated_ms, members, file_bytes",
        (("w", b"sealed", 2, "alice", 1, 2, 2, 0),),
    ),
    "workspace_keys": (
        "workspace_id, version, wrapped, wrapped_by, created_ms, retired_ms",
        (("w", 1, KEY * 2, KEY[:8], 1, 2), ("w", 2, KEY * 2, KEY[:8], 2, None)),
    ),
    "workspace_members": (
        "workspace_id, user_id, role, source, joined_ms, removed_ms, status, status_ms, seen_ms",
        (
            ("w", "alice", "owner", "here", 1, None, "online", 1, 1),
            ("w", "7", "member", "claim", 1, None, "busy", 2, 3),
            ("w", "bob", "member", "here", 1, 4, "offline", 1, 1),
        ),
    ),
    "rooms": (
        ("room_id, kind, workspace_id, name, description, created_by, created_ms, updated_ms, seq, "
        "active_ms, is_sealed, key_version, icon, document_id"),
        (
            ("doc", "document", "w", b"sealed", b"", "alice", 1, 1, 0, 1, True, 2, b"i", "d1"),
            ("open", "group", "w", b"plain", b"", "alice", 1, 1, 0, 1, False, None, None, None),
        ),
    ),
    "room_members": (
        "room_id, user_id, role, joined_ms, joined_seq, read_seq, read_ms",
        (("doc", "7", "member", 1, 0, 0, 9), ("open", "alice", "owner", 1, 0, 0, None)),
    ),
    "posts": (
        ("room_id, seq, key_version, reply_to_seq, root_seq, replies, last_reply_ms, edited_ms, "
        "edits"),
        (
            ("direct", 1, None, None, None, 1, 5, 6, 1),
            ("direct", 2, 2, 1, 1, 0, None, None, 0),
        ),
    ),
    "reactions": (
        "room_id, seq, emoji, user_id, at_ms",
        (("direct", 1, "🎉", "bob", 1), ("direct", 1, "👍", "bob", 2)),
    ),
    "word_tokens": ("token, room_id, seq", (("AAAAAAAAAAA", "direct", 2),)),
    "audit": (
        "entry_id, at_ms, action, user_id, device_id, subject_id, room_id, workspace_id",
        (("e4", 4, "workspace_made", "alice", None, None, None, "w"),),
    ),
}  # fmt: skip

NUMBERS = {one.name: one.number for one in known_migrations()}

BY_VERSION: dict[int, dict[str, Table]] = {
    1: PEOPLE,
    2: KEYS,
    3: ROOMS,
    5: STRANGERS,
    NUMBERS["workspaces"]: WORKSPACES,
}
"""What can be held since which migration."""

ALL_BYTES = {
    "alice": 4 * MESSAGE_BYTES + 8 + len(METADATA) + 5 + 1_000,
    "bob": 2 * MESSAGE_BYTES + 300_000 + 2,
    "gone": MESSAGE_BYTES + 1,
}
"""What the messages above take, reckoned by hand."""


def held_since(version: int) -> list[tuple[str, Table]]:
    """What a database of a version can hold, in the order in which it can be put there."""
    known = [tables for since, tables in BY_VERSION.items() if since <= version]
    return [one for tables in known for one in tables.items()]


def fill(held: Sequence[tuple[str, Table]]) -> Steps[None]:
    for name, (columns, found) in held:
        places = ", ".join(f"${at}" for at in range(1, len(found[0]) + 1))
        yield from run_many(f"INSERT INTO {name} ({columns}) VALUES ({places})", found)  # noqa: S608


def in_order(found: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    """Rows, in an order that does not hang on the engine, which may keep truth as a number."""
    plain = [tuple(int(one) if isinstance(one, bool) else one for one in row) for row in found]
    return sorted(plain, key=repr)


async def read(database, sql):
    return await database.read(lambda: rows(sql))


async def usage(database) -> dict[str, int]:
    found = await read(database, "SELECT user_id, bytes FROM stored_bytes WHERE bytes <> 0")
    return dict(map(tuple, found))


AGES = tuple(itertools.product(range(1, len(known_migrations()) + 1), ENGINES))


@pytest.fixture(scope="module", params=AGES, ids=lambda age: f"{age[0]}-{age[1]}")
def aged(request, open_empty, shared_runner):
    """A database of some version with all that it can hold, brought up to date.

    One for all tests, which only look at it.
    """
    version, engine = request.param
    opened = _aged(open_empty, version, engine)
    yield shared_runner.run(opened.__aenter__())
    shared_runner.run(opened.__aexit__(None, None, None))


@asynccontextmanager
async def _aged(open_empty, version, engine):
    async with open_empty(engine) as database:
        await migrate(database, known_migrations()[:version])
        held = held_since(version)
        await database.write(lambda: fill(held))
        applied = await migrate(database)
        assert [one.number for one in applied] == [
            one.number for one in known_migrations()[version:]
        ]
        yield database, version, held


async def test_every_row_is_as_it_was_before(aged):
    database, _, held = aged
    for name in dict(held):
        for columns, before in (table for of, table in held if of == name):
            after = in_order(await read(database, f"SELECT {columns} FROM {name}"))  # noqa: S608
            assert set(in_order(before)) <= set(after), name
        count = sum(len(table[1]) for of, table in held if of == name)
        assert (await read(database, f"SELECT COUNT(*) FROM {name}"))[0][0] == count  # noqa: S608


async def test_what_each_has_stored_is_counted_to_the_byte(aged):
    database, version, _ = aged
    if version < 6:
        assert await usage(database) == (ALL_BYTES if version >= 3 else {})
    else:  # who counts since then has counted it before
        assert await usage(database) == {}


async def test_whoever_was_in_rooms_before_takes_part_there(aged):
    database, version, _ = aged
    found = await read(database, "SELECT user_id FROM room_members WHERE unasked")
    assert [one[0] for one in found] == (["gone"] if version >= 5 else [])


@pytest.mark.parametrize("version", [3, 4, 5])
async def test_what_was_counted_is_given_back_to_the_last_byte(empty_database, version):
    await migrate(empty_database, known_migrations()[:version])
    await empty_database.write(lambda: fill(held_since(version)))
    await migrate(empty_database)
    home = Household(empty_database)
    await home.messages.delete(UserId("alice"), MessageRef(MessageId("alice-1")), NOW_MS + 5)
    assert (await usage(empty_database))["alice"] == ALL_BYTES["alice"] - 8 - len(METADATA)

    await home.change("UPDATE messages SET expires_ms = $1", NOW_MS + 20)
    while await home.messages.expire(NOW_MS + 20, 3):
        pass
    assert await usage(empty_database) == {}
    assert await home.count("messages") == 0


async def test_what_the_migration_counts_is_what_was_counted_message_by_message(home):
    room = await home.room_of("alice", "bob", "carol", ttl_ms=100)
    for at, sender in enumerate(("alice", "bob", "carol", "alice")):
        await home.send(sender, room, f"r{at}", NOW_MS + at, ciphertext="ü" * at + "x")
        await home.send(sender, "bob" if sender != "bob" else "alice", f"d{at}", metadata=None)
    await home.block("bob", "carol")
    await home.send("carol", "bob", "withheld")
    ended = await home.room_of("alice", "bob")
    await home.send("bob", ended, "ended")
    await home.rooms.delete(UserId("alice"), ended, NOW_MS)
    await home.messages.delete(UserId("alice"), MessageRef(MessageId("d0")), NOW_MS)
    await home.messages.expire(NOW_MS + 101, 2)
    await home.acknowledge(phone("bob"), "d3")
    counted = await usage(home.database)
    assert len(counted) == 3

    def undone() -> Steps[None]:
        yield from run("DELETE FROM migrations WHERE number = 6")
        yield from run("DROP TABLE stored_bytes")

    await home.database.write(undone)
    assert [one.number for one in await migrate(home.database)] == [6]
    assert await usage(home.database) == counted
