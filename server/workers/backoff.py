"""How long to wait before a process that died is started again."""

import time

STEADY_S = 10.0
"""Whoever ran for so long is started again at once."""

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 30.0


class Backoff:
    """Doubles from one early death to the next."""

    def __init__(self) -> None:
        self._delay_s = 0.0
        self.started()

    def started(self) -> None:
        """Note that it runs from now on."""
        self._started_s = time.monotonic()

    def after_end(self) -> float:
        """Seconds until the next start."""
        if time.monotonic() - self._started_s >= STEADY_S:
            self._delay_s = 0.0
        else:
            self._delay_s = min(max(self._delay_s * 2, FIRST_DELAY_S), MAX_DELAY_S)
        return self._delay_s
