"""Blobs on disk: what stands there, and what a full or broken disk does."""

import asyncio
import os

import pytest

from server.core.errors import AppError, Code
from server.stores.files.disk import PIECE_BYTES, DiskBlobs

NAME = "0190c8a0-0000-7000-8000-00000000000a"


async def chunks(*some):
    for one in some:
        yield one


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "files"


def files_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_files_are_for_their_owner_only_whatever_the_umask(folder):
    old_umask = os.umask(0)
    try:
        await DiskBlobs(folder).put(NAME, chunks(b"abc"))
    finally:
        os.umask(old_umask)
    assert {path.stat().st_mode & 0o777 for path in files_in(folder)} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())} == {0o700}


async def test_nobody_is_told_the_place_of_a_file_that_is_not_there(folder):
    with pytest.raises(AppError) as raised:
        await anext(DiskBlobs(folder).get(NAME, 0, 1))
    assert str(folder) not in raised.value.message


async def test_where_the_data_folder_is_missing_files_cannot_be_kept_now(folder):
    with pytest.raises(AppError) as raised:
        await DiskBlobs(folder / "gone" / "files").put(NAME, chunks(b"abc"))
    assert raised.value.code is Code.UNAVAILABLE


async def test_what_a_killed_process_left_is_deleted_with_the_name(folder):
    blobs = DiskBlobs(folder)
    putting = blobs.put(NAME, chunks(b"abc"))
    await putting
    (path,) = files_in(folder)
    path.with_name(path.name + ".part").write_bytes(b"half")
    await blobs.delete(NAME)
    assert files_in(folder) == []


async def test_of_a_put_that_nobody_waits_for_any_more_nothing_is_left(folder):
    begun = asyncio.Event()

    async def endless():
        while True:
            begun.set()
            yield bytes(PIECE_BYTES)

    putting = asyncio.create_task(DiskBlobs(folder).put(NAME, endless()))
    await begun.wait()
    while not files_in(folder):
        await asyncio.sleep(0)
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert files_in(folder) == []


async def test_a_full_disk_is_told_as_such_and_leaves_nothing(folder, monkeypatch, caplog):
    def no_space(handle):
        raise OSError(28, "No space left on device", "/secret/place")

    monkeypatch.setattr(os, "fsync", no_space)
    folder.joinpath(NAME[-2:]).mkdir(parents=True)
    with pytest.raises(AppError) as raised:
        await DiskBlobs(folder).put(NAME, chunks(b"abc"))
    assert raised.value.code is Code.UNAVAILABLE
    assert files_in(folder) == []
    assert [record.fields["why"] for record in caplog.records] == ["No space left on device"]


async def test_a_name_is_written_once(folder):
    blobs = DiskBlobs(folder)
    going_on = asyncio.Event()

    async def slowly():
        yield b"first"
        await going_on.wait()

    first = asyncio.create_task(blobs.put(NAME, slowly()))
    while not files_in(folder):
        await asyncio.sleep(0)
    with pytest.raises(AppError):
        await blobs.put(NAME, chunks(b"second"))
    going_on.set()
    await first
    assert [path.read_bytes() for path in files_in(folder)] == [b"first"]
