"""The limits and times of docs/PROTOCOL.md that no vector shows are the same in both clients."""

import re
from pathlib import Path

import pytest

from scripts.demo_parts.client import files, heads, keyring
from scripts.demo_parts.protocol import cards, chunks, contents, file_names, signals

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/PROTOCOL.md").read_text()

SAME = [
    ("client/heads.js", "head:", heads.HEAD_MS, "every 30 seconds"),
    ("client/heads.js", "grace:", heads.GRACE_MS, "five seconds after a head"),
    ("client/heads.js", "silent:", heads.SILENT_MS, "for 150 seconds"),
    ("client/keyring.js", "answer:", keyring.ANSWER_MS, "within four seconds"),
    ("client/keyring.js", "MAX_ASKED =", keyring.ASKED_AT_ONCE, "1 to 50"),
    ("client/epochs.js", "MAX_MESSAGES =", keyring.EPOCH_MESSAGES, "after 100 messages"),
    ("client/epochs.js", "MAX_AGE_MS =", keyring.EPOCH_MS, "after an hour"),
    ("client/files.js", "stall:", files.STALL_MS, "nothing for 15 seconds"),
    ("client/serving.js", "MAX_CHUNKS =", files.SERVED_CHUNKS, "up to 64 are sent"),
    ("client/entries.js", "MAX_TEXT_CHARS =", contents.TEXT_CHARS, "1 to 16,000 characters"),
    ("protocol/card.js", "MAX_NAME_CHARS =", cards.NAME_CHARS, "1 to 64 characters"),
    ("protocol/card.js", "MAX_NAME_BYTES =", cards.NAME_BYTES, "at most 256 bytes"),
    ("protocol/chunks.js", "CHUNK_BYTES =", chunks.CHUNK_BYTES, "1 to 131,072"),
    ("protocol/chunks.js", "MAX_FILE_BYTES =", chunks.FILE_BYTES, "0 to 67,108,864"),
    ("protocol/chunks.js", "MAX_PREVIEW_BYTES =", chunks.PREVIEW_BYTES, "at most 24 KiB"),
    ("protocol/file_names.js", "MAX_NAME_CHARS =", file_names.NAME_CHARS, "more than 255"),
    ("protocol/file_names.js", "MAX_TYPE_CHARS =", file_names.TYPE_CHARS, "more than 127"),
    ("protocol/signals.js", "MAX_TEXT_BYTES =", signals.LONGEST_TEXT_BYTES, "to 16,384 bytes"),
]


def number(file, name):
    """A number of JavaScript, or some that are multiplied."""
    source = (ROOT / "server/web" / file).read_text()
    (written,) = re.findall(rf"\b{name} ([\d_* ]+)", source)
    product = 1
    for factor in written.split("*"):
        product *= int(factor)
    return product


@pytest.mark.parametrize(
    ("file", "name", "value", "said"), SAME, ids=[f"{file} {name}" for file, name, *_ in SAME]
)
def test_a_limit_is_the_same_in_both_clients_and_on_the_page(file, name, value, said):
    assert number(file, name) == value
    assert said in " ".join(PAGE.split())
