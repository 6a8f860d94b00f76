"""Files: offered to whoever wants them, fetched chunk by chunk of whoever has them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.demo_parts.client.roster import Roster, Someone
from scripts.demo_parts.protocol.chunks import Note
from scripts.demo_parts.protocol.packing import read_u64, u64
from scripts.demo_parts.protocol.refusal import ForgedError

WINDOW_CHUNKS = 8
SERVED_CHUNKS = 64
STALL_MS = 15_000

Say = Callable[[Someone, str, list[bytes]], None]
"""Sends a signal: to whom, its kind, its fields."""


@dataclass
class Fetch:
    """A file on its way here.

    Attributes:
        chunks: Sealed, by index, checked against their hashes.
        tried: Who has not sent what it was asked for, or something else.
    """

    note: Note
    chunks: dict[int, bytes] = field(default_factory=dict)
    awaited: set[int] = field(default_factory=set)
    holder: str = ""
    tried: set[str] = field(default_factory=set)
    due_ms: int = 0

    @property
    def lacking(self) -> list[int]:
        return [index for index in range(self.note.count) if index not in self.chunks]


class Files:
    """All files of which a message has told.

    Attributes:
        here: Sealed chunks of files that are here whole, by file id.
    """

    def __init__(self, roster: Roster, say: Say, own_id: str) -> None:
        self._roster = roster
        self._say = say
        self._own_id = own_id
        self._notes: dict[bytes, Note] = {}
        self._holders: dict[bytes, list[str]] = {}
        self._readers: dict[bytes, set[str] | None] = {}
        self._fetches: dict[bytes, Fetch] = {}
        self.here: dict[bytes, list[bytes]] = {}

    def offer(self, note: Note, sealed: list[bytes], to: str | None = None) -> None:
        """Have a file for everybody, or for one user id."""
        self._notes[note.file_id] = note
        self.here[note.file_id] = sealed
        self._admit(note.file_id, self._own_id, to)

    def learn(self, note: Note, user_id: str, to: str | None) -> bool:
        """Note that somebody has told of a file.

        Args:
            to: The one whom the message is for; None for everybody.

        Returns:
            False if it has the id of another file: that one must not be taken for it.
        """
        known = self._notes.setdefault(note.file_id, note)
        if _content(known) != _content(note):
            return False
        self._admit(note.file_id, user_id, to)
        self.add_holder(note.file_id, user_id)
        return True

    def add_holder(self, file_id: bytes, user_id: str) -> None:
        if self._is_for(file_id, user_id) and user_id != self._own_id:
            self._holders.setdefault(file_id, []).append(user_id)

    def content_of(self, file_id: bytes) -> bytes:
        """A file that is here, opened."""
        note = self._notes[file_id]
        chunks = enumerate(self.here[file_id])
        return b"".join(note.open(index, sealed) for index, sealed in chunks)

    def whom_to_tell(self, file_id: bytes) -> list[str | None]:
        """User ids of those who may know that a file has come; a None for everybody."""
        readers = self._readers[file_id]
        return [None] if readers is None else [*(readers - {self._own_id})]

    def _admit(self, file_id: bytes, user_id: str, to: str | None) -> None:
        known = self._readers.get(file_id, set())
        if to is None or known is None:
            self._readers[file_id] = None
        else:
            self._readers[file_id] = {*known, user_id, to}

    def _is_for(self, file_id: bytes, user_id: str) -> bool:
        readers = self._readers.get(file_id, set())
        return readers is None or user_id in readers

    # --- to others ---

    def serve(self, someone: Someone, fields: list[bytes]) -> None:
        file_id, first, count = fields
        sealed = self.here.get(file_id, []) if self._is_for(file_id, someone.user_id) else []
        start = read_u64(first)
        wanted = range(start, start + min(read_u64(count), SERVED_CHUNKS))
        for index in wanted:
            if index >= len(sealed):
                self._say(someone, "file-gone", [file_id])
                break
            self._say(someone, "file-chunk", [file_id, u64(index), sealed[index]])

    # --- from others ---

    def fetch(self, file_id: bytes, now_ms: int) -> bool:
        """Begin to fetch a file of which a message has told.

        Returns:
            Whether it is here whole at once: there is nothing to an empty one.
        """
        if file_id in self.here or file_id in self._fetches:
            return False
        self._fetches[file_id] = Fetch(self._notes[file_id])
        self._ask(file_id, now_ms)
        return file_id in self.here

    def take_chunk(self, someone: Someone, fields: list[bytes], now_ms: int) -> bool:
        """Take a chunk.

        Returns:
            Whether the file is here whole with it.
        """
        file_id, packed_index, sealed = fields
        fetch, index = self._fetches.get(file_id), read_u64(packed_index)
        if not fetch or someone.user_id != fetch.holder or index not in fetch.awaited:
            return False
        try:
            fetch.note.open(index, sealed)
        except ForgedError:
            self._turn_away(file_id, now_ms)
            return False
        fetch.awaited.discard(index)
        fetch.chunks[index] = sealed
        fetch.due_ms = now_ms + STALL_MS
        if not fetch.awaited:
            self._ask(file_id, now_ms)
        return file_id in self.here

    def gone(self, someone: Someone, fields: list[bytes], now_ms: int) -> None:
        """Hear that somebody has not got it."""
        (file_id,) = fields
        fetch = self._fetches.get(file_id)
        if fetch and fetch.holder == someone.user_id:
            self._turn_away(file_id, now_ms)

    def watch(self, now_ms: int) -> None:
        """Ask another one where nothing has come for long."""
        for file_id, fetch in [*self._fetches.items()]:
            if fetch.due_ms <= now_ms:
                self._turn_away(file_id, now_ms)

    def restart(self, now_ms: int) -> None:
        """Ask again: what was asked for was lost with the connection."""
        for file_id, fetch in [*self._fetches.items()]:
            fetch.tried.clear()
            self._ask(file_id, now_ms)

    def _turn_away(self, file_id: bytes, now_ms: int) -> None:
        fetch = self._fetches[file_id]
        # When all have been tried, they are all tried again after a while.
        fetch.tried = fetch.tried | {fetch.holder} if fetch.holder else set()
        self._ask(file_id, now_ms)

    def _ask(self, file_id: bytes, now_ms: int) -> None:
        fetch = self._fetches[file_id]
        lacking = fetch.lacking
        if not lacking:
            self.here[file_id] = [fetch.chunks[index] for index in range(fetch.note.count)]
            del self._fetches[file_id]
            return
        holder = self._holder(file_id, fetch.tried)
        fetch.holder, fetch.due_ms = holder.user_id if holder else "", now_ms + STALL_MS
        first = lacking[0]
        fetch.awaited = set(lacking) & set(range(first, first + WINDOW_CHUNKS))
        if holder:
            count = len(fetch.awaited)
            self._say(holder, "file-wanted", [file_id, u64(first), u64(count)])

    def _holder(self, file_id: bytes, tried: set[str]) -> Someone | None:
        others = {one.user_id: one for one in self._roster.others()}
        holders = (one for one in self._holders.get(file_id, []) if one not in tried)
        return next((others[one] for one in holders if one in others), None)


def _content(note: Note) -> tuple[bytes, bytes, int, int]:
    """What must be the same for two messages to tell of one file."""
    return note.key, note.hashes, note.size, note.chunk
