"""The vault: what it seals opens in its place alone, and its tokens say nothing of words."""

import hashlib
import itertools
import json
import logging
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import structs
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xchacha_decrypt

from server.core.errors import AppError, Code
from server.core.ids import FileId, MessageId, RoomId, WorkspaceId
from server.core.workspaces.keys import KeyRing, context, derived
from server.core.workspaces.values import WrappedKey
from server.core.workspaces.vault import Vault, of_file, of_message, of_room, of_workspace
from server.logs import JsonFormatter

from .conftest import MASTER_KEY

PLACE = (WorkspaceId("acme"), RoomId("general"), MessageId("m1"))

HERE = of_message(*PLACE, 0)

CANARY = "the-canary-sings"


@pytest.mark.parametrize("plain", [b"", b"hello", "héllo 中".encode(), bytes(256 * 1024)])
def test_what_was_sealed_is_what_is_opened(vault, key, plain):
    assert vault.open(key, HERE, vault.seal(key, HERE, plain)) == plain


def test_the_same_text_is_never_sealed_to_the_same_box(vault, key):
    assert len({vault.seal(key, HERE, b"hello") for _ in range(100)}) == 100


ELSEWHERE = {
    "another edit": of_message(*PLACE, 1),
    "another message": of_message(*PLACE[:2], MessageId("m2"), 0),
    "another room": of_message(PLACE[0], RoomId("random"), PLACE[2], 0),
    "another workspace": of_message(WorkspaceId("bcme"), *PLACE[1:], 0),
    "names that are the same one after the other": of_message(
        WorkspaceId("acmeg"), RoomId("eneral"), PLACE[2], 0
    ),
    "what a room is called": of_room(*PLACE[:2], "name"),
    "what a workspace is called": of_workspace(PLACE[0]),
    "what a file is called": of_file(*PLACE[:2], FileId("m1"), "0"),
    "no place": b"",
}


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_box_opens_in_no_other_place(vault, key, place):
    box = vault.seal(key, HERE, b"hello")
    assert refusal_of(vault, key, place, box) is Code.INTERNAL


def test_no_two_places_are_the_same():
    names = ["a", "b", "c", "", "a" * 300, "\x00\x01", "é"]
    made = [context(*some) for n in range(4) for some in itertools.product(names, repeat=n)]
    assert len(set(made)) == len(made)


def test_a_box_opens_under_no_other_key(vault, key):
    others = {
        "of another workspace": vault.new_key(WorkspaceId("bcme"), 1),
        "of another version": vault.new_key(key.workspace_id, 2),
        "made anew": vault.new_key(key.workspace_id, 1),
    }
    box = vault.seal(key, HERE, b"hello")
    for other in others.values():
        assert refusal_of(vault, other, HERE, box) is Code.INTERNAL


def test_a_box_with_any_bit_changed_does_not_open(vault, key):
    box = b64decode(vault.seal(key, HERE, b"hello"))
    for number in range(len(box) * 8):
        changed = bytearray(box)
        changed[number // 8] ^= 1 << number % 8
        refused = refusal_of(vault, key, HERE, b64encode(changed).decode())
        assert refused is Code.INTERNAL


@pytest.mark.parametrize("box", ["", "AAAA", "not base64", "é", b64encode(bytes(39)).decode()])
def test_what_is_no_box_does_not_open(vault, key, box):
    assert refusal_of(vault, key, HERE, box) is Code.INTERNAL


# --- keys ---


@pytest.mark.parametrize(
    "changes",
    [{"workspace_id": WorkspaceId("bcme")}, {"version": 2}, {"wrapped": bytes(72)}],
    ids=["workspace", "version", "box"],
)
def test_a_key_is_of_its_workspace_and_version_alone(vault, key, changes):
    box = vault.seal(key, HERE, b"hello")
    assert refusal_of(vault, structs.replace(key, **changes), HERE, box) is Code.INTERNAL
    assert vault.open(key, HERE, box) == b"hello"


def test_a_new_master_key_opens_what_is_under_the_old_one_and_wraps_it_anew(vault, key):
    box = vault.seal(key, HERE, b"hello")
    newer = Vault(KeyRing([bytes(32), MASTER_KEY]))
    assert newer.open(key, HERE, box) == b"hello"

    rewrapped = newer.rewrapped(key)
    assert rewrapped

    assert rewrapped.wrapped_by != key.wrapped_by
    assert (rewrapped.workspace_id, rewrapped.version) == (key.workspace_id, key.version)
    assert Vault(KeyRing([bytes(32)])).open(rewrapped, HERE, box) == b"hello"
    assert newer.rewrapped(rewrapped) is None


def test_without_the_master_key_nothing_opens_and_the_log_says_which_one_it_was(vault, key, caplog):
    box = vault.seal(key, HERE, CANARY.encode())

    assert refusal_of(Vault(KeyRing([bytes(32)])), key, HERE, box) is Code.INTERNAL

    (line,) = (json.loads(JsonFormatter().format(record)) for record in caplog.records)
    assert (line["event"], line["what"]) == ("not_opened", "master_key")
    assert line["master_key"] == key.wrapped_by.hex()


def test_neither_the_log_nor_the_answer_says_what_was_to_be_opened(vault, key, caplog):
    caplog.set_level(logging.DEBUG)
    box = vault.seal(key, HERE, CANARY.encode())
    with pytest.raises(AppError) as raised:
        vault.open(key, ELSEWHERE["another edit"], box)

    told = raised.value.message + "".join(map(JsonFormatter().format, caplog.records))
    assert "not_opened" in told
    for secret in (CANARY, box, PLACE[2]):
        assert secret not in told


def test_the_name_of_a_master_key_is_the_start_of_its_hash(key):
    whole = hashlib.sha256(b"hushwire master key" + MASTER_KEY).digest()
    assert key.wrapped_by == whole[:8]


@pytest.mark.parametrize("keys", [[], [bytes(31)], [bytes(32), bytes(33)]])
def test_a_master_key_has_32_bytes(keys):
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing(keys)


def test_keys_for_purposes_are_made_by_hkdf():
    for purpose in ("content", "words", "files"):
        theirs = HKDF(SHA256(), 32, b"hushwire/at-rest/1", purpose.encode()).derive(MASTER_KEY)
        assert derived(MASTER_KEY, purpose) == theirs


def test_the_key_of_a_file_comes_back_in_its_place_alone(vault, key):
    place = of_file(*PLACE[:2], FileId("f1"), "key")
    wrapped = vault.wrap_file_key(key, place, bytes(32))
    assert vault.unwrap_file_key(key, place, wrapped) == bytes(32)
    with pytest.raises(AppError):
        vault.unwrap_file_key(key, of_file(*PLACE[:2], FileId("f2"), "key"), wrapped)


def test_a_box_of_content_is_no_key_of_a_file(vault, key):
    with pytest.raises(AppError):
        vault.unwrap_file_key(key, HERE, b64decode(vault.seal(key, HERE, bytes(32))))


# --- words ---


def test_equal_words_have_equal_tokens_and_others_have_others(vault, key):
    assert vault.tokens(key, "Straße") == vault.tokens(key, "STRASSE")
    assert len(set(vault.tokens(key, MANY_WORDS))) == 200


def test_a_word_has_another_token_in_another_workspace_and_under_another_version(vault, key):
    keys = [key, vault.new_key(WorkspaceId("bcme"), 1), vault.new_key(key.workspace_id, 2)]
    assert len({vault.tokens(one, "hello") for one in keys}) == 3


def test_a_token_is_eight_bytes_in_base64url(vault, key):
    for token in vault.tokens(key, MANY_WORDS):
        assert len(b64decode(token + "=", altchars=b"-_", validate=True)) == 8


MANY_WORDS = " ".join(f"word{number}" for number in range(200))

# --- vectors: what is in databases must open in every version to come ---

OLD_KEY = WrappedKey(
    workspace_id=WorkspaceId("acme"),
    version=1,
    wrapped=bytes.fromhex(
        "98358a39e4e570f0771dd1f6c61c9c0b9a750d3620667225df6fe348b5c5abb7873db0ab"
        "5fabf90a1dcf090c6365d0ae120a4bbf8c0748d6872a3757b7481d3aa378d9e8b9928632"
    ),
    wrapped_by=bytes.fromhex("6207c9986f62a65e"),
)


def test_what_was_sealed_by_the_first_version_still_opens(vault):
    assert (
        vault.open(
            OLD_KEY,
            HERE,
            "nDIDZ7LAPdqTQAbNhJia+eI2IwFOc4GJj33bADT00UwjvUlilBqlwU92V0LQLcNoDBVs9yg=",
        )
        == "héllo wörld".encode()
    )


def test_tokens_are_those_of_the_first_version(vault):
    assert vault.tokens(OLD_KEY, "Héllo, wörld 中文") == (
        "up5cZUQTvGI",
        "NGaxpHKuVMQ",
        "5JYqo3i0aBc",
    )


def test_a_box_is_what_its_description_says(vault, key):
    """Nonce, then XChaCha20-Poly1305 with the context beside it, under HKDF(key, "content")."""
    box = b64decode(vault.seal(key, HERE, b"hello"))
    plain_key = xchacha_decrypt(
        key.wrapped[24:],
        b"\0\0\0\x12hushwire/at-rest/1\0\0\0\x0dworkspace key\0\0\0\x04acme\0\0\0\x011",
        key.wrapped[:24],
        MASTER_KEY,
    )
    beside = b"\0\0\0\x12hushwire/at-rest/1\0\0\0\x07message\0\0\0\x04acme\0\0\0\x07general"
    beside += b"\0\0\0\x02m1\0\0\0\x010"
    assert xchacha_decrypt(box[24:], beside, box[:24], derived(plain_key, "content")) == b"hello"


def refusal_of(vault, key, place, box):
    with pytest.raises(AppError) as raised:
        vault.open(key, place, box)
    return raised.value.code
