"""A file, from Alice to Bob: announced in a message, then sent in sealed chunks as signals."""

import hashlib
import secrets

from scripts.demo_parts.canary import Canary
from scripts.demo_parts.person import Person
from scripts.demo_parts.protocol.chunks import Note, seal_file
from scripts.demo_parts.protocol.contents import File
from scripts.demo_parts.protocol.packing import to_text
from scripts.demo_parts.record import Record, glimpse

FILE_BYTES = 300_000


async def pass_a_file(
    record: Record, alice: Person, bob: Person, canary: Canary, old: Canary
) -> None:
    """Send one, receive it, and tell that it was received.

    Raises:
        DemoError: Something did not arrive.
    """
    content = _make_content(canary)
    note, sealed = seal_file(f"plans {canary.text}.txt", content)
    told = await _announce(record, alice, bob, (note, sealed), f"plans {old.text}.txt")
    digest = await _pass_chunks(record, bob, told, sealed)
    record.expect(
        "file",
        (told.name, digest),
        (note.name, hashlib.sha256(content).hexdigest()),
        f"{len(content):,} bytes in {told.count} binary signals, with the same SHA-256",
    )
    await _notice_the_download(record, alice, bob, told)


async def _announce(
    record: Record, alice: Person, bob: Person, file: tuple[Note, list[bytes]], original: str
) -> Note:
    note, sealed = file
    row = record.row("alice", "bob", alice=f'file "{note.name}", {note.size:,} B')
    alice.member.files.offer(note, sealed)
    sent = await alice.send(File(note), bob.user_id, original)
    row.saw["server"] = glimpse(sent.text)
    entry = await bob.receive(lambda entry: isinstance(entry.content, File))
    assert isinstance(entry.content, File)
    told = entry.content.note
    row.saw["bob"] = f'file "{told.name}", its key and hashes'
    return told


async def _pass_chunks(record: Record, bob: Person, told: Note, sealed: list[bytes]) -> str:
    """Fetch all chunks; the SHA-256 of what arrives."""
    row = record.row("alice", "bob", alice=f"its {told.count} chunks")
    content = await bob.fetch(told.file_id)
    signals = [one["encrypted"] for one in bob.line.all_heard("signal")]
    chunks = [signal for signal in signals if isinstance(signal, bytes)]
    row.saw["server"] = f"…{chunks[-1][-6:].hex()} {sum(map(len, chunks)):,} B, kept nowhere"
    digest = hashlib.sha256(content).hexdigest()
    row.saw["bob"] = f"{len(sealed)} chunks, {len(content):,} B, SHA-256 {digest[:8]}…"
    return digest


async def _notice_the_download(record: Record, alice: Person, bob: Person, told: Note) -> None:
    row = record.row("bob", "all", bob=f'has downloaded "{told.name}"')
    notice = await alice.line.hear("download-notification")
    row.saw["server"] = f"file {notice['fileName'][:6]}…"
    row.saw["alice"] = f'Bob has downloaded "{told.name}"'
    claim = "Alice was told of the download, by the file's id and not its name"
    expected = (bob.user_id, to_text(told.file_id))
    record.expect("download notice", (notice["downloadedBy"], notice["fileName"]), expected, claim)


def _make_content(canary: Canary) -> bytes:
    line = f"{canary.text} {secrets.token_hex(16)}\n".encode()
    return (line * (FILE_BYTES // len(line) + 1))[:FILE_BYTES]
