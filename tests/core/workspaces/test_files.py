"""Files of conversations: what comes is what goes, and nobody but members can read any of it."""

import asyncio
import random

import pytest

from server.core.errors import AppError, Code
from server.core.identity import User
from server.core.ids import FileId, RoomId, UserId
from server.core.ports.files import ByteStream
from server.core.workspaces.files import EXPIRY_MS, GO_ON_MS, SILENCE_MS, UNSENT_MS
from server.stores.sql.attached import Hung, hang_files
from server.stores.sql.steps import run, value
from tests.clocks import ManualClock
from tests.servers import running

ROOM = RoomId("general")

CANARY = b"the-canary-sings"

MAX_BYTES = 300_000


def person(name):
    """Somebody whose token another system has made."""
    return User(user_id=UserId(name), login=name, expires_ms=None)


ALICE, BOB, EVE = map(person, ("alice", "bob", "eve"))


@pytest.fixture
def clock():
    return ManualClock(1_800_000_000_000)


@pytest.fixture
async def server(tmp_path, clock):
    bounds = {"MAX_FILE_BYTES": MAX_BYTES, "MAX_WORKSPACE_FILE_BYTES": 4 * MAX_BYTES}
    path = tmp_path / "data/hushwire.sqlite3"
    path.parent.mkdir()
    settings = {"DATA_DIR": path.parent, "DATABASE_URL": f"sqlite://{path}"}
    async with running(clock, **settings, **bounds) as one:
        yield one


async def do(server, steps):
    return await server.app._durable.database.write(lambda: steps)


@pytest.fixture
async def files(server):
    """Alice and Bob are in a conversation; Eve is in its workspace alone."""
    chat = server.chat
    for one in (ALICE, BOB, EVE):
        await chat.workspaces.enter(one)
    made = await chat.workspaces.create(ALICE, "Acme")
    for one in (BOB, EVE):
        await chat.workspaces.set_member(ALICE, made.workspace_id, one.user_id, None)
    room = (
        "INSERT INTO rooms (room_id, kind, name, description, created_by, created_ms, updated_ms, "
        "seq, active_ms, workspace_id) VALUES ($1, 'group', $2, $2, 'alice', 1, 1, 0, 1, $3)"
    )
    member = (
        "INSERT INTO room_members (room_id, user_id, role, joined_ms, joined_seq, read_seq) "
        "VALUES ($1, $2, 'member', 1, 0, 0)"
    )
    await do(server, run(room, ROOM, b"", made.workspace_id))
    for one in (ALICE, BOB):
        await do(server, run(member, ROOM, one.user_id))
    return chat.files


def stream_of(content, *, name="a.txt", said=None, fails=None):
    async def chunks():
        for start in range(0, len(content), 50_000):
            yield content[start : start + 50_000]
        if fails:
            raise fails

    return ByteStream(said, name, "text/plain", chunks())


async def bytes_of(files, user, file_id, start=0, end=None):
    download = await files.download(user, file_id)
    end = download.size_bytes if end is None else end
    return b"".join([chunk async for chunk in download.chunks(start, end)])


async def hang(server, file_id):
    """Have a message of Alice's with it."""
    message = (
        "INSERT INTO messages (room_id, seq, message_id, sender_id, type, ciphertext, created_ms, "
        "withheld) VALUES ($1, 1, 'm1', 'alice', 'group', $2, 1, FALSE)"
    )
    await do(server, run(message, ROOM, b""))
    await do(server, hang_files(ROOM, None, [Hung(1, "alice", (file_id,), 1)]))


def kept(tmp_path):
    return [path for path in (tmp_path / "data/files").rglob("*") if path.is_file()]


async def code_of(awaitable):
    with pytest.raises(AppError) as raised:
        await awaitable
    return raised.value.code


async def held(server):
    """Bytes, by the workspace and by Alice; and how many files are known."""
    return [
        await do(server, value(f"SELECT COALESCE(SUM({what}), 0) FROM {table}"))  # noqa: S608
        for what, table in (("file_bytes", "workspaces"), ("bytes", "stored_bytes"), ("1", "files"))
    ]


@pytest.mark.parametrize("size_bytes", [0, 1, 65_536, 65_537, MAX_BYTES])
async def test_a_file_goes_as_it_came_with_its_name(server, files, size_bytes):
    content = random.Random(size_bytes).randbytes(size_bytes)
    made = await files.upload(ALICE, ROOM, stream_of(content, name="naïve.txt"))
    assert (made.size_bytes, made.name, made.uploader) == (size_bytes, "naïve.txt", "alice")
    await hang(server, made.file_id)
    assert await files.get(BOB, made.file_id) == made
    assert await bytes_of(files, BOB, made.file_id) == content
    middle = size_bytes // 2
    assert await bytes_of(files, BOB, made.file_id, middle, size_bytes) == content[middle:]
    assert (await files.download(BOB, made.file_id)).name == "naïve.txt"


@pytest.mark.parametrize("said", [None, 600, 100_000])
async def test_however_large_it_was_said_to_be_it_takes_what_it_is(server, files, said):
    await files.upload(ALICE, ROOM, stream_of(bytes(500), said=said))
    assert await held(server) == [500, 500, 1]


async def test_nothing_of_a_file_is_on_the_disk_as_it_was(server, files, tmp_path):
    made = await files.upload(ALICE, ROOM, stream_of(CANARY * 10_000, name=CANARY.decode()))
    await hang(server, made.file_id)
    assert await bytes_of(files, BOB, made.file_id) == CANARY * 10_000
    everything = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(everything) > 2
    assert not [path for path in everything if CANARY in path.read_bytes()]


async def test_who_is_not_in_the_conversation_neither_puts_nor_gets(server, files):
    made = await files.upload(ALICE, ROOM, stream_of(b"abc"))
    await hang(server, made.file_id)
    for who in (EVE, person("stranger")):
        assert await code_of(files.get(who, made.file_id)) is Code.NOT_FOUND
        assert await code_of(files.download(who, made.file_id)) is Code.NOT_FOUND
        assert await code_of(files.upload(who, ROOM, stream_of(b"abc"))) is Code.NOT_FOUND
    assert await held(server) == [3, 3, 1]


async def test_guests_put_nothing(files):
    guest = User(user_id=UserId("g"), login="g", expires_ms=None, is_guest=True)
    assert await code_of(files.upload(guest, ROOM, stream_of(b"abc"))) is Code.FORBIDDEN


# --- what goes wrong on the way in ---


async def test_a_file_that_is_too_large_is_refused_and_nothing_of_it_is_left(
    server, files, tmp_path
):
    for said in (None, MAX_BYTES, MAX_BYTES + 1, 10 * MAX_BYTES):
        large = stream_of(bytes(MAX_BYTES + 1), said=said)
        assert await code_of(files.upload(ALICE, ROOM, large)) is Code.PAYLOAD_TOO_LARGE
    assert kept(tmp_path) == []
    await files.expire()
    assert await held(server) == [0, 0, 0]


async def test_a_file_that_is_cut_off_is_none(server, files, tmp_path):
    cut_off = AppError(Code.INVALID_REQUEST, "cut off")
    broken = stream_of(bytes(120_000), fails=cut_off)
    assert await code_of(files.upload(ALICE, ROOM, broken)) is Code.INVALID_REQUEST
    assert kept(tmp_path) == []
    await files.expire()
    assert await held(server) == [0, 0, 0]


async def test_an_upload_that_is_cancelled_leaves_nothing(server, files, tmp_path):
    begun = asyncio.Event()

    async def endless():
        yield bytes(1_000)
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(files.upload(ALICE, ROOM, ByteStream(None, None, None, endless())))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept(tmp_path) == []
    await files.expire()
    assert await held(server) == [0, 0, 0]


async def test_of_eight_at_once_no_more_come_in_than_the_workspace_has_room_for(server, files):
    come = await asyncio.gather(
        *(files.upload(ALICE, ROOM, stream_of(bytes(MAX_BYTES))) for _ in range(8)),
        return_exceptions=True,
    )
    assert [one.code for one in come if isinstance(one, AppError)] == [Code.LIMIT_REACHED] * 4
    await files.expire()
    assert await held(server) == [4 * MAX_BYTES, 4 * MAX_BYTES, 4]


@pytest.mark.parametrize("said", [{"name": "x" * 513}])
async def test_a_name_that_is_too_long_is_refused(files, said):
    refused = files.upload(ALICE, ROOM, stream_of(b"abc", **said))
    assert await code_of(refused) is Code.INVALID_REQUEST


async def test_a_file_that_comes_slowly_is_kept_and_one_that_is_silent_is_not(server, files, clock):
    async def slowly():
        for _ in range(3):
            yield b"abc"
            clock.advance(ms=SILENCE_MS - 1)
            await files.expire()

    made = await files.upload(ALICE, ROOM, ByteStream(None, None, None, slowly()))
    assert made.size_bytes == 9

    async def silent():
        yield b"abc"
        clock.advance(ms=SILENCE_MS)
        await files.expire()
        yield b"abc"

    lost = files.upload(ALICE, ROOM, ByteStream(None, None, None, silent()))
    assert await code_of(lost) is Code.NOT_FOUND
    assert GO_ON_MS < SILENCE_MS


async def test_a_file_whose_bytes_come_after_it_was_swept_up_leaves_none(
    server, files, clock, tmp_path
):
    real = files._blobs

    class Late:
        """A bucket that is done with a file only when its time is over."""

        async def put(self, name, chunks):
            held = [chunk async for chunk in chunks]
            clock.advance(ms=SILENCE_MS)
            await server.app._durable.files.forget(
                await server.app._durable.files.garbage(2**60, 9)
            )
            return await real.put(name, _again(held))

        delete = real.delete

    files._blobs = Late()
    assert await code_of(files.upload(ALICE, ROOM, stream_of(b"abc"))) is Code.NOT_FOUND
    assert kept(tmp_path) == []
    assert await held(server) == [0, 0, 0]


async def _again(chunks):
    for chunk in chunks:
        yield chunk


# --- garbage ---


async def test_what_no_message_has_after_a_day_is_deleted(server, files, clock, tmp_path):
    sent = await files.upload(ALICE, ROOM, stream_of(b"sent"))
    await hang(server, sent.file_id)
    await files.upload(ALICE, ROOM, stream_of(b"never sent"))
    assert len(kept(tmp_path)) == 2

    clock.advance(ms=UNSENT_MS)
    await files.expire()

    assert [path.name for path in kept(tmp_path)] == [sent.file_id]
    assert await held(server) == [4, 4, 1]
    assert await bytes_of(files, BOB, sent.file_id) == b"sent"


async def test_garbage_that_could_not_be_deleted_is_deleted_another_time(
    server, files, clock, tmp_path
):
    made = await files.upload(ALICE, ROOM, stream_of(b"never sent"))
    (path,) = kept(tmp_path)
    path.rename(path.with_suffix(".moved"))
    path.mkdir()  # which is no file that could be deleted
    clock.advance(ms=UNSENT_MS)
    assert await code_of(files.expire()) is Code.UNAVAILABLE
    assert (await held(server))[2] == 1
    assert await code_of(files.get(ALICE, made.file_id)) is Code.NOT_FOUND

    path.rmdir()
    path.with_suffix(".moved").rename(path)
    clock.advance(ms=EXPIRY_MS)
    await files.expire()

    assert kept(tmp_path) == []
    assert await held(server) == [0, 0, 0]


async def test_garbage_that_cannot_be_deleted_keeps_no_other_and_no_room_for_it(
    server, files, clock, tmp_path
):
    await files.upload(ALICE, ROOM, stream_of(b"stays"))
    (path,) = kept(tmp_path)
    path.unlink()
    path.mkdir()  # which is no file that could be deleted
    for _ in range(4):
        await files.upload(ALICE, ROOM, stream_of(b"goes"))
    clock.advance(ms=UNSENT_MS)
    assert await code_of(files.expire()) is Code.UNAVAILABLE
    assert kept(tmp_path) == []
    assert await held(server) == [5, 5, 1]


async def test_a_file_that_was_changed_on_the_disk_is_not_told(files, tmp_path):
    made = await files.upload(ALICE, ROOM, stream_of(bytes(200_000)))
    (path,) = kept(tmp_path)
    content = bytearray(path.read_bytes())
    content[150_000] ^= 1
    path.write_bytes(content)
    assert await code_of(bytes_of(files, ALICE, made.file_id)) is Code.INTERNAL
    assert await bytes_of(files, ALICE, made.file_id, 0, 1_000) == bytes(1_000)


async def test_a_file_whose_bytes_are_gone_is_not_there(files, tmp_path):
    made = await files.upload(ALICE, ROOM, stream_of(b"abc"))
    (path,) = kept(tmp_path)
    path.unlink()
    assert await code_of(bytes_of(files, ALICE, made.file_id)) is Code.NOT_FOUND
    assert await code_of(files.get(ALICE, FileId("unknown"))) is Code.NOT_FOUND
