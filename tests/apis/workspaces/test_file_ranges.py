"""Parts of files, over HTTP: whatever is asked for is that slice of what was put."""

import asyncio
import random

import pytest

CHUNK = 64 * 1024
"""What is sealed as one."""

CONTENT = random.Random(7).randbytes(3 * CHUNK + 3_392)
SIZE = len(CONTENT)

EDGES = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, SIZE - 1)


@pytest.fixture
async def url(shelf, alice):
    return (await shelf.keeps(alice, CONTENT))["url"]


async def test_from_any_place_to_any_other_it_is_that_slice(shelf, alice, url):
    for start in EDGES:
        for last in (one for one in EDGES if one >= start):
            status, body, headers = await shelf.fetch(alice, url, Range=f"bytes={start}-{last}")
            assert (status, body) == (206, CONTENT[start : last + 1])
            assert headers["Content-Range"] == f"bytes {start}-{last}/{SIZE}"


@pytest.mark.parametrize("place", EDGES)
async def test_to_the_end_and_from_the_end_it_is_that_slice(shelf, alice, url, place):
    status, body, _ = await shelf.fetch(alice, url, Range=f"bytes={place}-")
    assert (status, body) == (206, CONTENT[place:])
    status, body, _ = await shelf.fetch(alice, url, Range=f"bytes=-{SIZE - place}")
    assert (status, body) == (206, CONTENT[place:])


async def test_at_any_two_places_it_is_that_slice(shelf, alice, url):
    chance = random.Random(11)
    for _ in range(40):
        start, last = sorted(chance.randrange(SIZE) for _ in range(2))
        _, body, _ = await shelf.fetch(alice, url, Range=f"bytes={start}-{last}")
        assert body == CONTENT[start : last + 1], (start, last)


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "bytes=5-1", "bytes=x", "lines=0-1"])
async def test_what_is_no_single_range_is_answered_whole(shelf, alice, url, wanted):
    status, body, headers = await shelf.fetch(alice, url, Range=wanted)
    assert (status, body) == (200, CONTENT)
    assert "Content-Range" not in headers


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0"])
async def test_a_range_that_is_not_there_is_refused(shelf, alice, url, wanted):
    status, body, headers = await shelf.fetch(alice, url, Range=wanted)
    assert status == 416
    assert headers["Content-Range"] == f"bytes */{SIZE}"
    assert CONTENT[:20] not in body


async def test_a_part_comes_only_of_the_file_that_was_begun(shelf, alice, url):
    _, _, headers = await shelf.fetch(alice, url, "HEAD")
    part = {"Range": "bytes=70000-70009"}
    same = await shelf.fetch(alice, url, **part, **{"If-Range": headers["ETag"]})
    assert same[:2] == (206, CONTENT[70_000:70_010])
    other = await shelf.fetch(alice, url, **part, **{"If-Range": '"another"'})
    assert other[:2] == (200, CONTENT)


@pytest.mark.parametrize(("wanted", "status"), [("", 200), ("bytes=65000-66000", 206)])
async def test_the_head_alone_says_how_long_it_is(shelf, alice, url, wanted, status):
    told, whole, of_whole = await shelf.fetch(alice, url, Range=wanted)
    head, body, of_head = await shelf.fetch(alice, url, "HEAD", Range=wanted)
    assert (told, head, body) == (status, status, b"")
    assert of_head["Content-Length"] == of_whole["Content-Length"] == str(len(whole))
    assert of_head.get("Content-Range") == of_whole.get("Content-Range")


async def test_several_parts_of_it_come_at_the_same_time(shelf, alice, url):
    starts = range(0, SIZE, 10_000)
    parts = await asyncio.gather(
        *(
            shelf.fetch(alice, url, Range=f"bytes={start}-{min(start + 9_999, SIZE - 1)}")
            for start in starts
        )
    )
    assert b"".join(body for _, body, _ in parts) == CONTENT


@pytest.mark.parametrize("kind", ["text/html", "image/svg+xml", "application/pdf"])
async def test_whatever_it_is_called_no_browser_is_told_to_show_it(shelf, alice, kind):
    script = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
    told = {"Content-Type": kind, "X-File-Name": "a.svg"}
    file = await shelf.keeps(alice, script, **told)
    assert file["type"] == kind
    for wanted in ("", "bytes=0-9", "bytes=900-"):
        _, _, headers = await shelf.fetch(alice, file["url"], Range=wanted)
        assert headers["X-Content-Type-Options"] == "nosniff", wanted
        if "bytes=900" not in wanted:  # that is a refusal, which is JSON
            assert headers["Content-Type"] == "application/octet-stream"
            assert headers["Content-Disposition"].startswith("attachment;")
            policy = headers["Content-Security-Policy"].split("; ")
            assert {"default-src 'none'", "sandbox"} <= set(policy)
            assert headers["Cache-Control"] == "no-store"
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
