"""Where the processes of an installation are that run on other machines."""

from typing import Protocol


class Peers(Protocol):
    """A directory of them, which they keep themselves.

    It may be behind by some seconds: whoever is found there may be gone.
    """

    async def lookup(self, node_id: str) -> str | None:
        """The URL under which a process is reached; None if none is known.

        Raises:
            AppError: UNAVAILABLE, if the directory cannot be read now.
        """
        ...
