"""How a process is asked to end."""

import asyncio


class Ending:
    """What was asked for until now; whoever asks twice will not wait.

    Attributes:
        begun: The process is to end, after a drain.
        hurried: It is to end at once.
        is_alone: Others go on beside it, on the same port.
    """

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.hurried = asyncio.Event()
        self.is_alone = False

    def ask(self) -> None:
        """As SIGTERM does."""
        if self.begun.is_set():
            self.hurried.set()
        self.begun.set()

    def ask_alone(self) -> None:
        """As SIGTERM does to one of several workers, however often."""
        if not self.begun.is_set():
            self.is_alone = True
            self.begun.set()

    def hurry(self) -> None:
        """As SIGINT does: nobody at a terminal wants to wait."""
        self.hurried.set()
        self.begun.set()
