"""The processes that share a Redis: each says that it is there, and buries who no longer does."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from redis.exceptions import RedisError

from server.core.errors import AppError
from server.core.ids import new_id
from server.core.patience import Lately
from server.stores.redis.ending import end
from server.stores.redis.keys import NODES
from server.stores.redis.link import Link
from server.stores.redis.scripts import Script
from server.stores.redis.servers import Runs

log = logging.getLogger("hushwire.redis")

_BEAT = Script("nodes/beat")
_BURIED = Script("nodes/buried")
_LEAVE = Script("nodes/leave")


_EPOCH = "epoch"
"""Beside the runs of servers: an id that is lost with what is known of processes."""


class Pace(Struct, frozen=True):
    """How often a process says that it is there, and what silence means.

    Attributes:
        silence_s: Who was silent for so long is dead; what it held is taken over.
        deaf_s: Who does not hear itself for so long is not ready.
        settle_s: So long a Redis that has changed is not used, after one has brought back what
            one knows: the others notice it within a beat, and do the same.
    """

    beat_s: float = 1.0
    silence_s: float = 6.0
    deaf_s: float = 3.0
    settle_s: float = 1.5


class Node(Struct, frozen=True):
    """One process: its id, and the URL under which others reach it, if they do."""

    node_id: str
    url: str = ""


class _Pulse(Struct, frozen=True):
    """What Redis answers to a beat."""

    was_there: bool
    is_buried: bool
    epoch: str
    dead: Sequence[str]


class Nodes:
    """This process among the others.

    Args:
        take_over: Notes the connections of a dead process as lost.
        on_lost: Called if this one was given up by the others: it must let go of all it has.
        on_changed: Called if a server that answers is another than before, or has begun anew;
            until it has ended well, and some time after that, nothing else is done in Redis.
        on_settled: Called when all processes have had the time for that.

    Attributes:
        began: Set once the own heartbeat has come back.
        is_heard: Something that this process has published came back to it lately.
    """

    def __init__(
        self,
        link: Link,
        node: Node,
        *,
        take_over: Callable[[str], Awaitable[None]],
        on_lost: Callable[[], Awaitable[None]],
        on_changed: Callable[[], Awaitable[None]],
        on_settled: Callable[[], None],
        pace: Pace,
    ) -> None:
        self._link = link
        self._node = node
        self._take_over = take_over
        self._on_lost = on_lost
        self._on_changed = on_changed
        self._on_settled = on_settled
        self._pace = pace
        self._heard = Lately(pace.deaf_s)
        self._alive_since_s = time.monotonic()
        self._settled_s: float | None = None  # when it will be, or None if it is
        self._seen: Runs | None = None  # what Redis was, when it had all from here
        self._was_there = False
        self.began = asyncio.Event()
        self._burials: dict[str, asyncio.Task[None]] = {}

    @property
    def is_heard(self) -> bool:
        return bool(self._heard)

    def heard(self) -> None:
        """Note that the own heartbeat came back."""
        self._heard.note()
        self.began.set()

    async def run(self) -> None:
        """Beat until cancelled."""
        while True:
            begun_s = time.monotonic()
            try:
                await self.beat()
            except AppError:
                self._alive_since_s = time.monotonic()
            except Exception:
                log.exception("internal_error")
            # A master of a Cluster that hangs takes as long as a command may: with a whole rest
            # after that, who listens would take silence for a lost connection.
            pace_s = self._pace_s()
            left_s = pace_s - (time.monotonic() - begun_s)
            await self._link.rest(max(left_s, pace_s / 4))

    def _pace_s(self) -> float:
        """Until the next beat."""
        if self._settled_s is None:
            return self._pace.beat_s
        left_s = self._settled_s - time.monotonic()
        return min(self._pace.beat_s, left_s) if left_s > 0 else self._pace.beat_s

    async def beat(self) -> None:
        """Say that this process is there, and see to who is not.

        Raises:
            AppError: UNAVAILABLE.
        """
        doubts = self._link.doubts
        with self._link.probing():
            pulse = await self._pulse()
            found = {**await self._link.look(), _EPOCH: pulse.epoch}
            if self._seen is not None and _is_another(self._seen, found):
                log.warning("redis_changed")
                self._link.is_up = False
                await self._on_changed()
                self._settled_s = time.monotonic() + self._pace.settle_s
            elif self._was_there and not pulse.was_there:
                log.warning("given_up_by_others")
                self._was_there = False
                await self._on_lost()
        # Of what does not answer nothing was brought back: it is still what it was.
        before = self._seen or {}
        self._seen = {place: run or before.get(place) for place, run in found.items()}
        self._was_there = not pulse.is_buried
        is_fit = self._is_settled() and not pulse.is_buried
        # What came to be doubted meanwhile may be another Redis than the one that was looked at.
        self._link.is_up = is_fit and self._link.doubts == doubts
        for node_id in pulse.dead:
            if node_id not in self._burials:
                self._burials[node_id] = asyncio.create_task(self._bury(node_id))

    def _is_settled(self) -> bool:
        if self._settled_s is None:
            return True
        if time.monotonic() < self._settled_s:
            return False
        self._settled_s = None
        self._on_settled()
        return True

    async def leave(self) -> None:
        """End, so that nobody has to wait until this process is taken for dead."""
        await end(self._burials.values())
        self._heard.forget()
        # Who hears nothing any more takes Redis for away; it is to know of the end all the same.
        with contextlib.suppress(AppError), self._link.probing():
            await self._link.run(_LEAVE, NODES, self._node.node_id)

    async def _pulse(self) -> _Pulse:
        # Who has itself been away, or stood still, cannot tell whether others were; who was away
        # together with it may take as long to come back.
        may_bury = time.monotonic() - self._alive_since_s > 2 * self._pace.silence_s
        found = await self._link.run(
            _BEAT,
            NODES,
            self._node.node_id,
            self._node.url,
            new_id(),
            round(self._pace.silence_s * 1000),
            int(may_bury),
        )
        silent_ms, is_buried, epoch, *dead = found
        if silent_ms > self._pace.silence_s * 500:  # half of it
            self._alive_since_s = time.monotonic()
        return _Pulse(silent_ms >= 0, bool(is_buried), epoch.decode(), [d.decode() for d in dead])

    async def _bury(self, node_id: str) -> None:
        log.info("node_gone", extra={"fields": {"node": node_id}})
        try:
            with self._link.probing():  # it may be this one, which may do nothing else
                await self._take_over(node_id)
                await self._link.run(_BURIED, NODES, node_id)
        except (AppError, RedisError):
            log.warning("node_not_buried_yet", extra={"fields": {"node": node_id}})
        except Exception:
            log.exception("internal_error")
        finally:
            self._burials.pop(node_id, None)


def _is_another(before: Runs, found: Runs) -> bool:
    """Whether there are other servers, or one that answers is not the run that it was."""
    have_changed = (run and run != before.get(place) for place, run in found.items())
    return before.keys() != found.keys() or any(have_changed)
