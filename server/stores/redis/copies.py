"""Whether what was written is on a replica as well, or whether to go on without one."""

import logging

log = logging.getLogger("hushwire.redis")

LIMIT_MS = 500
"""For a replica to have what was written."""

PATIENCE_S = 3.0
"""With no replica keeping up for so long, nobody waits for it any more, until one does again."""

_GIVEN_UP_MS = 1


class Copies:
    """Judges by what `WAIT` answers.

    Attributes:
        limit_ms: To wait for.
    """

    def __init__(self) -> None:
        self._behind_since_s: float | None = None
        self.limit_ms = LIMIT_MS

    def are_enough(self, copies: int, now_s: float) -> bool:
        """Whether to go on with so many copies."""
        if copies:
            if self.limit_ms == _GIVEN_UP_MS:
                log.info("replica_keeps_up")
            self._behind_since_s, self.limit_ms = None, LIMIT_MS
            return True
        if self._behind_since_s is None:
            self._behind_since_s = now_s
        if now_s - self._behind_since_s < PATIENCE_S:
            return False
        if self.limit_ms == LIMIT_MS:
            log.warning("replica_behind")
            self.limit_ms = _GIVEN_UP_MS
        return True
