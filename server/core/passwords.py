"""Passwords: kept as argon2id, made and compared in threads, so that nobody else waits for it.

One takes about a tenth of a second and 64 MiB. So few are under way at a time, a bounded number
waits, and whoever comes beyond that is refused with the time after which there is room again.
"""

import asyncio
import re
import secrets
import unicodedata
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from msgspec import Struct
from nacl import exceptions
from nacl.pwhash import argon2id

from server.core.errors import AppError, Code

T = TypeVar("T")

MIN_CHARS, MAX_CHARS = 10, 1024

MAX_WAITING = 64
"""Passwords that are being worked on or wait for it; with two threads that is some seconds."""

RETRY_MS = 2_000

_MADE_WITH = re.compile(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$")


class Strength(Struct, frozen=True):
    """What one try costs: rounds over so much memory.

    The default is libsodium's for interactive use, more than twice the least that OWASP names.
    """

    rounds: int = argon2id.OPSLIMIT_INTERACTIVE
    memory_bytes: int = argon2id.MEMLIMIT_INTERACTIVE

    @property
    def prefix(self) -> str:
        """Of every hash of this strength."""
        return f"$argon2id$v=19$m={self.memory_bytes // 1024},t={self.rounds},p=1$"


class Passwords:
    """Hashes passwords, and compares them with hashes.

    Args:
        executor: Whose threads it works in; the library lets others run meanwhile.
        max_waiting: Calls at a time, those that wait included.
    """

    def __init__(
        self,
        executor: Executor,
        strength: Strength | None = None,
        *,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._executor = executor
        self._strength = strength or Strength()
        self._max_waiting = max_waiting
        self._waiting = 0
        self._nobodys = _nobodys_hash(self._strength)

    async def hash(self, password: str) -> str:
        """What to keep of a password.

        Raises:
            AppError: INVALID_REQUEST if it is too short or too long; UNAVAILABLE.
        """
        check(password)
        return await self._run(lambda: self._hash(_normal(password)))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether a password is the one that was hashed.

        Without a hash it never is, and finding that out takes just as long.

        Raises:
            AppError: UNAVAILABLE.
        """
        # A longer one never was a password; cutting it takes the cost out of sending it.
        given = _normal(password[: MAX_CHARS + 1])
        kept = password_hash or self._nobodys
        is_right = await self._run(lambda: _verify(kept, given))
        return is_right and password_hash is not None and len(password) <= MAX_CHARS

    def is_outdated(self, password_hash: str) -> bool:
        """Whether a hash was made with another strength, and should be made anew."""
        return not password_hash.startswith(self._strength.prefix)

    def _hash(self, given: bytes) -> str:
        strength = self._strength
        return argon2id.str(given, strength.rounds, strength.memory_bytes).decode()

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._max_waiting:
            text = "too many sign in at once; try again"
            raise AppError(Code.UNAVAILABLE, text, retry_after_ms=RETRY_MS)
        self._waiting += 1
        work_done = asyncio.get_running_loop().run_in_executor(self._executor, work)
        # Whoever goes away does not make room: the thread works on, or will.
        work_done.add_done_callback(self._end)
        return await asyncio.shield(work_done)

    def _end(self, work_done: "asyncio.Future[T]") -> None:
        self._waiting -= 1
        if not work_done.cancelled():
            work_done.exception()  # whoever asked may have gone


def check(password: str) -> None:
    """Refuse what cannot be a password.

    Raises:
        AppError: INVALID_REQUEST.
    """
    if not MIN_CHARS <= len(password) <= MAX_CHARS:
        problem = f"a password has {MIN_CHARS} to {MAX_CHARS} characters"
        raise AppError(Code.INVALID_REQUEST, problem)


def new_password() -> str:
    """One that nobody guesses, and that can be read out: 99 random bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ("".join(secrets.choice(letters) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def _normal(password: str) -> bytes:
    """The same bytes, by whatever keyboard the same letters were typed."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace")


def _verify(kept: str, given: bytes) -> bool:
    if not _MADE_WITH.match(kept):
        return False
    try:
        return argon2id.verify(kept.encode(), given)
    except exceptions.InvalidkeyError:
        return False


def _nobodys_hash(strength: Strength) -> str:
    """A hash that no password has, as far as anybody will ever know."""

    def random_text(size_bytes: int) -> str:
        return b64encode(secrets.token_bytes(size_bytes)).decode().rstrip("=")

    return strength.prefix + random_text(argon2id.SALTBYTES) + "$" + random_text(32)
