"""Looking for words in what workspaces keep sealed."""

import asyncio
from collections.abc import Iterable
from typing import Protocol, TypeVar

from msgspec import Struct

from server.core.errors import AppError, Code
from server.core.ids import RoomId, UserId, WorkspaceId
from server.core.ports.conversations import FoundPlace
from server.core.ports.posts import FoundPosts, PostStore, Searched, WordSearch
from server.core.ports.workspaces import Entrant
from server.core.workspaces.vault import Vault
from server.core.workspaces.words import MIN_CHARS, words

MAX_WORDS = 20
"""That one search may be for."""

ATTEMPTS = 5
"""To search, while keys of workspaces change."""


class SearchWish(Struct, frozen=True, kw_only=True):
    """What somebody looks for; None is anything.

    Attributes:
        text: All its words must be there, in any order.
        from_ms, until_ms: When it was stored; until excludes itself.
    """

    text: str
    workspace_id: WorkspaceId | None = None
    room_id: RoomId | None = None
    sender: UserId | None = None
    from_ms: int | None = None
    until_ms: int | None = None


class Readable(Protocol):
    """What has a text, if it was not deleted."""

    @property
    def content(self) -> str | None: ...


One = TypeVar("One", bound=Readable)


class Searching:
    """Finds sealed messages by the tokens of words, which only the vault can make."""

    def __init__(self, store: PostStore, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def find(
        self, who: Entrant, wish: SearchWish, before: FoundPlace | None, limit: int, now_ms: int
    ) -> tuple[FoundPosts, bool]:
        """What may have the words: whoever opens it looks again.

        Returns:
            It, and whether some conversations were left out, since they are opaque.

        Raises:
            AppError: NOT_FOUND; INVALID_REQUEST without a word; UNSEARCHABLE of an opaque one.
        """
        wanted = wanted_words(wish.text)
        for _ in range(ATTEMPTS):
            where = await self._store.searched(who, wish.workspace_id, wish.room_id)
            _check_searchable(wish, where)
            search = self._search(wish, where, wanted)
            found = await self._store.find(who, search, before, limit, now_ms)
            if found is not None:
                return found, where.has_opaque
        raise AppError(Code.UNAVAILABLE, "keys change just now; try again", retry_after_ms=1_000)

    def _search(self, wish: SearchWish, where: Searched, wanted: tuple[str, ...]) -> WordSearch:
        # The longest word first, which is in the fewest messages.
        at = {word: number for number, word in enumerate(words(wish.text))}
        order = [at[word] for word in sorted(wanted, key=len, reverse=True)]
        tokens = {key: self._vault.tokens(key, wish.text) for key in where.keys}
        return WordSearch(
            tokens={
                (key.workspace_id, key.version): tuple(found[at] for at in order)
                for key, found in tokens.items()
            },
            workspace_id=wish.workspace_id,
            room_id=wish.room_id,
            sender=wish.sender,
            from_ms=wish.from_ms,
            until_ms=wish.until_ms,
        )


def wanted_words(text: str) -> tuple[str, ...]:
    """The words that are looked for.

    In scripts without spaces a character alone is no word of a text in which it stands beside
    another; so it is passed over as a single letter is.

    Raises:
        AppError: INVALID_REQUEST if there are none, or too many.
    """
    found = tuple(one for one in words(text) if len(one) >= MIN_CHARS)
    if not found:
        raise AppError(Code.INVALID_REQUEST, "q: Expected a word of at least two letters")
    if len(found) > MAX_WORDS:
        raise AppError(Code.INVALID_REQUEST, f"q: Expected at most {MAX_WORDS} words")
    return found


async def having(opened: Iterable[One], wanted: tuple[str, ...]) -> tuple[One, ...]:
    """Those that have all the words; they are opened one by one."""
    found = []
    for one in opened:
        if one.content is not None and set(wanted) <= set(words(one.content)):
            found.append(one)
        await asyncio.sleep(0)  # a long text takes milliseconds: others have their turn
    return tuple(found)


def _check_searchable(wish: SearchWish, where: Searched) -> None:
    if wish.room_id is not None and where.has_opaque:
        problem = "this conversation is encrypted end to end: search its words on the client"
        raise AppError(Code.UNSEARCHABLE, f"{problem}, which can read them")
