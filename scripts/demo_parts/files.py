"""A file, from Alice to Bob: a sealed description, then ciphertext in chunks."""

import functools
import hashlib
import json
import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any

from nacl.utils import random

from scripts.demo_parts.canary import Canary
from scripts.demo_parts.person import Person
from scripts.demo_parts.record import Record, glimpse
from scripts.demo_parts.sealing import KEY_BYTES, context, open_chunk, seal_chunk, sealed_bytes

CHUNK_BYTES = 64 * 1024
"""Of the file in one message: even in base64, for polling, below the server's default bounds."""

FILE_BYTES = 300_000


@dataclass(frozen=True)
class File:
    name: str
    content: bytes
    file_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: bytes = field(default_factory=lambda: random(KEY_BYTES))

    @property
    def chunks(self) -> list[bytes]:
        starts = range(0, len(self.content), CHUNK_BYTES)
        return [self.content[start : start + CHUNK_BYTES] for start in starts]

    def description(self) -> dict[str, Any]:
        """What the recipient needs to put it together again."""
        return {
            "file": self.file_id,
            "name": self.name,
            "sha256": hashlib.sha256(self.content).hexdigest(),
            "chunks": len(self.chunks),
            "key": self.key.hex(),
        }


async def pass_a_file(
    record: Record, alice: Person, bob: Person, canary: Canary, old: Canary
) -> None:
    """Send one, receive it, and tell that it was received.

    Raises:
        DemoError: Something did not arrive.
    """
    file = File(f"plans {canary.text}.txt", _make_content(canary))
    original = f"plans {old.text}.txt"
    told = await _describe(record, alice, bob, file, original)
    digest = await _pass_chunks(record, alice, bob, file, told, original)
    record.expect(
        "file",
        (told["name"], told["sha256"], digest),
        (file.name, digest, hashlib.sha256(file.content).hexdigest()),
        f"{len(file.content):,} bytes in {told['chunks']} binary chunks, with the same SHA-256",
    )
    await _notify(record, alice, bob, told["name"])


async def _describe(
    record: Record, alice: Person, bob: Person, file: File, original: str
) -> dict[str, Any]:
    row = record.row("alice", "bob", alice=f'file "{file.name}", {len(file.content):,} B')
    sent = await alice.send(json.dumps(file.description()), "bob", "file", original)
    row.saw["server"] = glimpse(sent["encrypted"]["body"], sealed_bytes(sent["encrypted"]))
    message = await bob.hear("new-message", lambda data: data["id"] == sent["id"])
    told: dict[str, Any] = json.loads(bob.read(message))
    row.saw["bob"] = f'file "{told["name"]}", its key and SHA-256'
    return told


async def _pass_chunks(
    record: Record, alice: Person, bob: Person, file: File, told: dict[str, Any], original: str
) -> str:
    """Send all chunks; the SHA-256 of what arrives."""
    row = record.row("alice", "bob", alice=f"its {len(file.chunks)} chunks")
    sizes = []
    for index, chunk in enumerate(file.chunks):
        sealed = seal_chunk(chunk, _place(file.file_id, index, len(file.chunks)), file.key)
        encrypted = {"file": file.file_id, "index": index, "body": sealed}
        sent = await alice.post(str(uuid.uuid4()), encrypted, "bob", "file-chunk", original)
        sizes.append(len(sent["encrypted"]["body"]))
    row.saw["server"] = glimpse(sent["encrypted"]["body"].hex(), sum(sizes))
    received = await _receive(bob, told)
    digest = hashlib.sha256(received).hexdigest()
    row.saw["bob"] = f"{told['chunks']} chunks, {len(received):,} B, SHA-256 {digest[:8]}…"
    return digest


async def _notify(record: Record, alice: Person, bob: Person, name: str) -> None:
    row = record.row("bob", "all", bob=f'has downloaded "{name}"')
    sealed_name = bob.link.seal_name(name)
    await bob.ask("file-downloaded", fileName=sealed_name)
    row.saw["server"] = glimpse(sealed_name, len(sealed_name))
    notice = await alice.hear("download-notification")
    read = alice.link.open_name(notice["fileName"])
    row.saw["alice"] = f'Bob has downloaded "{read}"'
    claim = "Alice was told of the download, with the file's name in ciphertext"
    record.expect("download notice", (notice["downloadedBy"], read), ("bob", name), claim)


async def _receive(reader: Person, told: dict[str, Any]) -> bytes:
    """The file that was described, from its chunks as they are heard."""
    content = b""
    for index in range(told["chunks"]):
        fits = functools.partial(_is_chunk, file_id=told["file"], index=index)
        message = await reader.hear("new-message", fits)
        about = _place(told["file"], index, told["chunks"])
        content += open_chunk(message["encrypted"]["body"], about, bytes.fromhex(told["key"]))
    return content


def _is_chunk(message: dict[str, Any], file_id: str, index: int) -> bool:
    if message["type"] != "file-chunk":
        return False
    chunk = message["encrypted"]
    return bool(chunk["file"] == file_id and chunk["index"] == index)


def _place(file_id: str, index: int, count: int) -> bytes:
    return context(file_id, str(index), str(count))


def _make_content(canary: Canary) -> bytes:
    line = f"{canary.text} {secrets.token_hex(16)}\n".encode()
    return (line * (FILE_BYTES // len(line) + 1))[:FILE_BYTES]
