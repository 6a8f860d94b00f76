"""Those who talk with each other: in one room, or each in some random group."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tests.faults.speaker import Speaker
from tests.talk.checker import Ledger


class Company(ABC):
    """What is the same of both.

    Attributes:
        name: Of their room.
        ledgers: Of what they hear.
    """

    name: str
    talkers: Sequence[Speaker]

    @property
    @abstractmethod
    def ledgers(self) -> list[Ledger]: ...

    @property
    def acknowledged(self) -> int:
        return sum(talker.acknowledged for talker in self.talkers)

    @property
    def has_converged(self) -> bool:
        """All that was said was acknowledged, and each knows as much as any in its room."""
        return all(talker.is_done for talker in self.talkers) and self._is_level

    @property
    @abstractmethod
    def _is_level(self) -> bool:
        """Each knows as much as any in its room."""

    @abstractmethod
    def close(self) -> None:
        """Judge what was heard."""
