"""Blobs in a bucket: where they stand there, and what happens when it is away."""

import pytest
from moto.s3.models import s3_backends
from msgspec import structs

from server.core.errors import AppError, Code
from server.stores.files import s3
from server.stores.files.s3 import S3Blobs

from .conftest import BUCKET

NAME = "0190c8a0-0000-7000-8000-00000000000a"


async def chunks(*some):
    for one in some:
        yield one


def objects():
    return s3_backends["123456789012"]["aws"].buckets[BUCKET]


async def test_an_object_stands_under_the_prefix(bucket):
    await S3Blobs(bucket).put(NAME, chunks(b"abc"))
    assert list(objects().keys) == [f"some/prefix/{NAME}"]


async def test_of_a_large_upload_that_is_cut_off_the_bucket_keeps_no_parts(bucket):
    async def cut_off():
        yield bytes(11 << 20)
        raise ValueError("cut off")

    with pytest.raises(ValueError, match="cut off"):
        await S3Blobs(bucket).put(NAME, cut_off())
    assert not objects().multiparts


async def each(blobs):
    """Each operation on blobs, on its own."""
    yield blobs.put(NAME, chunks(b"abc"))
    yield anext(blobs.get(NAME, 0, 3))
    yield blobs.delete(NAME)


async def test_a_bucket_that_cannot_be_reached_is_told_as_such(bucket, monkeypatch, caplog):
    monkeypatch.setattr(s3, "RETRY_S", 0)
    away = S3Blobs(structs.replace(bucket, endpoint="http://127.0.0.1:9"))
    async for operation in each(away):
        with pytest.raises(AppError) as raised:
            await operation
        assert raised.value.code is Code.UNAVAILABLE
        assert "127.0.0.1" not in raised.value.message
    assert {record.getMessage() for record in caplog.records} == {"files_away"}


async def test_a_bucket_that_is_not_there_is_told_as_such(bucket):
    missing = S3Blobs(structs.replace(bucket, url="s3://no-such-bucket"))
    with pytest.raises(AppError) as raised:
        await missing.put(NAME, chunks(b"abc"))
    assert raised.value.code is Code.UNAVAILABLE


def test_the_secret_is_not_shown_where_an_access_is_printed(bucket):
    assert bucket.secret_key not in repr(bucket)
