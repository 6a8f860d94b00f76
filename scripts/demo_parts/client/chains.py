"""The chains of all senders, and what may be missing of them with reason."""

from collections.abc import Callable, Iterable

from scripts.demo_parts.protocol.chains import Chain, Place, Seen, Told

Name = tuple[str, bytes]
"""A chain: its sender's user id, and its audience."""


class Chains:
    def __init__(self, gap: Callable[[str, str, int], None]) -> None:
        """Begin with none.

        Args:
            gap: Told of what is missing, or trimmed: the word for it, the sender, how many.
        """
        self._gap = gap
        self._chains: dict[Name, Chain] = {}
        self._trimmed: set[str] = set()
        self._settled: set[Name] = set()
        self._cut_off: set[Name] = set()
        self._is_whole = True

    def take(self, name: Name, number: int, seen: Seen, since: int) -> Place:
        """Note a message of which the signature is right."""
        chain, is_excused = self._chain(name), self._is_excused(name)
        is_start = chain.newest == 0
        if is_excused and is_start:
            self._cut_off.add(name)
        first = 1 if is_start and self._is_whole else since
        place, missing = chain.take(number, seen, first)
        self._settled.add(name)
        self._tell(name, is_excused, missing)
        return place

    def start_at(self, name: Name, since: int) -> None:
        """Learn later since when a chain is for us."""
        self._tell(name, name in self._cut_off, self._chain(name).start_at(since))

    def compare(self, name: Name, number: int, newest_hash: bytes) -> Told:
        return self._chain(name).compare(number, newest_hash)

    def give_up(self, name: Name, number: int) -> None:
        """Wait no longer for what a sender has told of."""
        is_excused = self._is_excused(name)
        self._settled.add(name)
        self._tell(name, is_excused, self._chain(name).give_up(number))

    def trim(self, senders: Iterable[str]) -> None:
        """Note that the relay no longer has all that these may have said meanwhile.

        As long as it does not say so, what comes first of a chain is its first message, or others
        are missing.
        """
        self._is_whole = False
        self._trimmed = set(senders)
        self._settled.clear()

    def has(self, name: Name, number: int, seen: Seen) -> bool:
        """Tell whether this very message has come."""
        return self._chain(name).has(number, seen)

    def _is_excused(self, name: Name) -> bool:
        return name[0] in self._trimmed and name not in self._settled

    def _tell(self, name: Name, is_excused: bool, count: int) -> None:
        if count:
            self._gap("trimmed" if is_excused else "missing", name[0], count)

    def _chain(self, name: Name) -> Chain:
        return self._chains.setdefault(name, Chain())
