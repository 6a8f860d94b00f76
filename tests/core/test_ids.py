"""Ids: whose they are, and how new ones are made."""

import re
import time
import uuid

import pytest

from server.core.ids import NumericUserId, Recipient, UserId, new_id, new_secret


@pytest.fixture
def machine_time(monkeypatch):
    """Sets the hour of this machine, in milliseconds since the epoch."""

    def set_to(now_ms):
        monkeypatch.setattr(time, "time_ns", lambda: now_ms * 1_000_000 + 999_999)

    return set_to


def test_a_new_id_is_a_uuid_of_version_7():
    for _ in range(200):
        parsed = uuid.UUID(new_id())
        assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)


def test_a_new_id_is_written_as_uuids_are():
    made = new_id()
    assert made == str(uuid.UUID(made))


def test_a_new_id_begins_with_the_millisecond_of_its_making(machine_time):
    machine_time(1_800_000_000_123)
    assert uuid.UUID(new_id()).int >> 80 == 1_800_000_000_123


def test_ids_of_later_milliseconds_sort_after_earlier_ones(machine_time):
    made = []
    for now_ms in (1, 2, 255, 256, 1_699_999_999_999, 1_700_000_000_000, 1 << 47):
        machine_time(now_ms)
        made += [new_id()]
    assert made == sorted(made)


def test_ids_of_one_millisecond_differ(machine_time):
    machine_time(1_800_000_000_000)
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_every_random_bit_of_an_id_is_used(machine_time):
    machine_time(0)
    made = [uuid.UUID(new_id()).int for _ in range(300)]
    ever_one, ever_zero = 0, 0
    for value in made:
        ever_one |= value
        ever_zero |= ~value
    fixed = (0b1111 << 76) | (0b11 << 62)
    free = ((1 << 80) - 1) & ~fixed
    assert ever_one & ever_zero & free == free


def test_a_secret_is_43_url_safe_characters_and_never_the_same():
    made = {new_secret() for _ in range(1_000)}
    assert len(made) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", secret) for secret in made)


def test_a_numeric_user_id_equals_its_text_and_is_found_by_it():
    assert NumericUserId("7") == UserId("7") == Recipient("7")
    assert {UserId("7"): "seven"}[NumericUserId("7")] == "seven"
    assert NumericUserId("7") != UserId("07")
