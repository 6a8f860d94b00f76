"""A file of a channel: sealed in chunks by who sends it, and kept by the server as one."""

from scripts.demo_parts.protocol.chunks import Note, seal_file
from scripts.demo_parts.protocol.contents import File
from scripts.demo_parts.protocol.primitives import TAG_BYTES
from scripts.demo_parts.secure_chat.device import Device


async def put(device: Device, conversation_id: str, name: str, content: bytes) -> tuple[File, str]:
    """Seal a file and put it into a conversation.

    Returns:
        What a message says of it, and the id that the server has given it.
    """
    note, chunks = seal_file(name, content)
    path = f"/chat/conversations/{conversation_id}/files"
    answer = await device.request("POST", path, b"".join(chunks))
    return File(note), answer["file"]["id"]


async def fetch(device: Device, file_id: str, note: Note) -> bytes:
    """Fetch a file chunk by chunk, and open each.

    Raises:
        ForgedError: A chunk is not the one that was announced.
        RefusedError: The server does not give it.
    """
    return b"".join([await fetch_chunk(device, file_id, note, at) for at in range(note.count)])


async def fetch_chunk(device: Device, file_id: str, note: Note, index: int) -> bytes:
    """Fetch one chunk by its range, and open it."""
    start = index * (note.chunk + TAG_BYTES)
    last = start + note.chunk + TAG_BYTES - 1
    return note.open(index, await device.fetch(f"/chat/files/{file_id}", start, last))
