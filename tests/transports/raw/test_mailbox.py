"""One mailbox and its store: whatever comes in between, all is told in order and once."""

import asyncio
import random

import pytest

from server.core.errors import AppError, Code
from server.core.ports import BacklogPage
from server.core.user_events import Mail, MailChanged
from server.transports.raw import mailbox as mailbox_module
from server.transports.raw.mailbox import MAX_HELD, Mailbox
from tests.servers import until


def mail(seq: int, stream: str = "tea") -> Mail:
    return Mail(users=(), stream=stream, seq=seq)


class Shelf:
    """A store, and a mailbox that reads it when a test lets it.

    Attributes:
        newest: Place in each stream.
        told: What the mailbox has told.
    """

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}
        self.told: list[tuple[str, int]] = []
        self.reads = 0
        self.error: Exception | None = None
        self._answers: list[asyncio.Future[None]] = []
        self.mailbox = Mailbox(self._read, self._tell, self._may_tell)

    def keep(self, count: int = 1, stream: str = "tea") -> Mail:
        """Keep some mail; returns the last."""
        self.newest[stream] = self.newest.get(stream, 0) + count
        return mail(self.newest[stream], stream)

    async def _read(self, told) -> BacklogPage:
        found = [
            mail(seq, stream)
            for stream, newest in self.newest.items()
            for seq in range(told.get(stream, 0) + 1, newest + 1)
        ]
        self.reads += 1
        answer = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        answer.add_done_callback(self._answers.remove)
        await answer
        if self.error:
            raise self.error
        return BacklogPage(found[:100], is_all=len(found) <= 100)

    async def answer(self) -> None:
        """Let the present read have what was there when it began."""
        await until(lambda: self._answers)
        self._let_on()

    async def answer_all(self) -> None:
        """Let it read until it is in step."""
        while not self.mailbox.is_in_step:
            self._let_on()
            await asyncio.sleep(0)

    def _let_on(self) -> None:
        for answer in self._answers:
            if not answer.done():
                answer.set_result(None)

    async def reading(self) -> None:
        await until(lambda: self._answers)

    def _tell(self, one: Mail | MailChanged) -> None:
        self.told.append((one.stream, one.seq))

    async def _may_tell(self) -> None:
        """At once."""

    def of(self, stream: str = "tea") -> list[int]:
        return [seq for name, seq in self.told if name == stream]


@pytest.fixture
async def shelf() -> Shelf:
    return Shelf()


async def test_before_it_resumes_nothing_is_told_or_read(shelf: Shelf):
    shelf.mailbox.take(shelf.keep())
    shelf.mailbox.refresh()

    assert (shelf.told, shelf.reads) == ([], 0)


async def test_what_comes_out_of_order_after_a_read_began_is_read_again(shelf: Shelf):
    shelf.mailbox.resume()
    await shelf.reading()
    shelf.keep()
    shelf.mailbox.take(shelf.keep())  # the second; the first is late
    await shelf.answer_all()
    shelf.mailbox.take(mail(1))

    assert shelf.of() == [1, 2]


async def test_what_is_known_to_have_no_other_before_it_is_told_though_the_store_has_it_not(
    shelf: Shelf,
):
    shelf.mailbox.resume()
    await shelf.answer_all()
    shelf.mailbox.take(mail(7))  # of another device of the same user
    await shelf.answer_all()

    assert shelf.of() == [7]
    shelf.mailbox.take(mail(8))
    assert shelf.of() == [7, 8]
    assert shelf.reads == 2


async def test_a_hint_during_a_read_has_the_store_read_once_more(shelf: Shelf):
    shelf.mailbox.resume()
    await shelf.reading()
    shelf.keep()
    shelf.mailbox.refresh()
    await shelf.answer_all()

    assert shelf.of() == [1]


async def test_more_than_can_be_held_while_a_gap_is_read_is_told_in_order(shelf: Shelf):
    shelf.mailbox.resume()
    await shelf.answer_all()
    shelf.mailbox.take(shelf.keep(5))
    await shelf.reading()
    for _ in range(MAX_HELD + 3):
        shelf.mailbox.take(shelf.keep())
    await shelf.answer_all()

    assert shelf.of() == list(range(1, shelf.newest["tea"] + 1))


async def test_who_was_paused_is_told_what_came_meanwhile_once(shelf: Shelf):
    shelf.mailbox.resume()
    await shelf.answer_all()
    shelf.mailbox.take(shelf.keep())
    shelf.mailbox.pause()
    shelf.mailbox.take(shelf.keep())
    assert shelf.of() == [1]
    shelf.mailbox.resume()
    await shelf.answer_all()

    assert shelf.of() == [1, 2]


async def test_who_is_paused_during_a_read_is_told_nothing_of_it(shelf: Shelf):
    shelf.keep(3)
    shelf.mailbox.resume()
    await shelf.reading()
    shelf.mailbox.pause()
    await shelf.answer()
    await asyncio.sleep(0)

    assert shelf.told == []
    shelf.mailbox.resume()
    await shelf.answer_all()
    assert shelf.of() == [1, 2, 3]


@pytest.mark.parametrize("error", [AppError(Code.UNAVAILABLE, "away"), RuntimeError("of the test")])
async def test_a_read_that_fails_is_made_again(
    shelf: Shelf, error: Exception, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(mailbox_module, "ASK_AGAIN_S", 0)
    shelf.keep(2)
    shelf.error = error
    shelf.mailbox.resume()
    await shelf.answer()
    await shelf.reading()
    shelf.error = None
    await shelf.answer_all()

    assert shelf.of() == [1, 2]


async def test_where_nothing_is_kept_all_is_told_as_it_comes():
    told: list[Mail | MailChanged] = []
    mailbox = Mailbox(None, told.append, Shelf()._may_tell)
    mailbox.resume()
    for seq in (5, 3, 3):
        mailbox.take(mail(seq))

    assert [one.seq for one in told] == [5, 3, 3]


@pytest.mark.parametrize("seed", range(200))
async def test_whatever_is_lost_late_or_told_twice_all_is_told_once_and_in_order(seed: int):
    chance = random.Random(seed)
    shelf = Shelf()
    shelf.keep(chance.randrange(3))
    shelf.mailbox.resume()
    on_their_way: list[Mail] = []
    for _ in range(chance.randrange(10, 400)):
        match chance.randrange(7):
            case 0 | 1 | 2:
                kept = shelf.keep(stream=chance.choice(["tea", "coffee"]))
                on_their_way += [kept] * chance.choice([0, 1, 1, 1, 2])
            case 3 | 4 if on_their_way:
                which = chance.choice([0, 0, 0, chance.randrange(len(on_their_way))])
                shelf.mailbox.take(on_their_way.pop(which))
            case 5 if shelf._answers:
                await shelf.answer()
            case _:
                await asyncio.sleep(0)
        if chance.random() < 0.02:
            shelf.mailbox.refresh()
        if chance.random() < 0.01:
            shelf.mailbox.pause()
            shelf.mailbox.resume()
    for one in on_their_way:
        shelf.mailbox.take(one)
    await shelf.answer_all()
    shelf.mailbox.refresh()
    await shelf.answer_all()

    for stream, newest in shelf.newest.items():
        assert shelf.of(stream) == list(range(1, newest + 1))


async def test_what_is_withdrawn_while_it_is_read_or_held_is_not_told_any_more(shelf: Shelf):
    shelf.mailbox.resume()
    await shelf.reading()
    shelf.keep(3)
    await shelf.answer()
    await shelf.reading()
    shelf.mailbox.take(shelf.keep())
    shelf.mailbox.withdraw("tea", 2)
    shelf.mailbox.withdraw("tea", 4)
    shelf.mailbox.withdraw("coffee", 1)
    await shelf.answer_all()
    shelf.mailbox.take(shelf.keep())

    assert shelf.of() == [1, 3, 5]


async def test_only_so_much_is_noted_as_withdrawn_and_nothing_once_it_is_in_step(
    shelf: Shelf, monkeypatch
):
    monkeypatch.setattr(mailbox_module, "MAX_WITHDRAWN", 1)
    shelf.keep(3)
    shelf.mailbox.resume()
    await shelf.reading()
    for seq in (1, 2):
        shelf.mailbox.withdraw("tea", seq)
    await shelf.answer_all()
    assert shelf.of() == [2, 3]

    shelf.mailbox.withdraw("tea", 4)
    shelf.mailbox.take(shelf.keep())
    assert shelf.of() == [2, 3, 4]

    shelf.keep()
    shelf.mailbox.refresh()
    await shelf.reading()
    shelf.mailbox.withdraw("tea", 5)
    await shelf.answer_all()
    assert shelf.of() == [2, 3, 4]


def change(seq: int, stream: str = "tea") -> MailChanged:
    return MailChanged(users=(), stream=stream, seq=seq)


async def test_a_change_comes_after_what_it_changes(shelf: Shelf):
    shelf.keep(2)
    shelf.mailbox.resume()
    await shelf.reading()
    for _ in range(2):
        shelf.mailbox.change(change(1))
    assert shelf.of() == []
    await shelf.answer_all()
    assert shelf.of() == [1, 2, 1]

    shelf.mailbox.change(change(2))
    assert shelf.of() == [1, 2, 1, 2]


async def test_of_what_is_withdrawn_no_change_is_told(shelf: Shelf):
    shelf.keep(2)
    shelf.mailbox.resume()
    await shelf.reading()
    shelf.mailbox.change(change(1))
    shelf.mailbox.withdraw("tea", 1)
    await shelf.answer_all()
    assert shelf.of() == [2]


async def test_only_so_many_changes_are_held_and_none_for_a_mailbox_that_pauses(
    shelf: Shelf, monkeypatch
):
    monkeypatch.setattr(mailbox_module, "MAX_CHANGED", 1)
    shelf.keep(2)
    shelf.mailbox.resume()
    await shelf.reading()
    for seq in (1, 2, 1):
        shelf.mailbox.change(change(seq))
    assert shelf.of() == [2]
    await shelf.answer_all()
    assert shelf.of() == [2, 1, 2, 1]

    shelf.mailbox.pause()
    shelf.mailbox.change(change(1))
    assert shelf.of() == [2, 1, 2, 1]
