"""Files and pictures through the page."""

import os
import re
import struct
import zlib

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import frames_from_relay

pytestmark = pytest.mark.asyncio(loop_scope="session")


def png(width, height):
    """A picture of two colours, in bands."""
    row = [
        b"\0" + (bytes([200, 80, 40]) if y % 64 < 32 else bytes([20, 90, 120])) * width
        for y in range(height)
    ]

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    place = chunk(b"tEXt", b"Comment\0place: 47.11 N, 8.15 E")
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + place
        + chunk(b"IDAT", zlib.compress(b"".join(row)))
        + chunk(b"IEND", b"")
    )


def named(name, body, kind="application/octet-stream"):
    return {"name": name, "mimeType": kind, "buffer": body}


async def saved(talker, name):
    async with talker.page.expect_download() as downloading:
        await fetched(talker, name).click()
    download = await downloading.value
    path = await download.path()
    return download.suggested_filename, path.read_bytes()


def fetched(talker, name):
    """What saves a file, and is there once that has come."""
    return talker.file(name).get_by_role("button", name="Save")


async def fetch(talker, name):
    await talker.file(name).get_by_role("button", name="Fetch").click()
    await expect(fetched(talker, name)).to_be_visible()


async def test_a_file_arrives_byte_for_byte_and_its_sender_is_told(together):
    ann, bob, _ = together
    body = os.urandom(700_001)
    await ann.attach(named("minutes.pdf", body))
    own = ann.file("minutes.pdf")
    await expect(own).to_contain_text("Keep this page open")

    await fetch(bob, "minutes.pdf")

    assert await saved(bob, "minutes.pdf") == ("minutes.pdf", body)
    await expect(own).to_contain_text("\u2068Bob\u2069 has fetched it")
    await expect(own).not_to_contain_text("Keep this page open")


async def test_an_empty_file_arrives(together):
    ann, bob, _ = together
    await ann.attach(named("nothing.txt", b""))

    await bob.file("nothing.txt").get_by_role("button").click()

    assert await saved(bob, "nothing.txt") == ("nothing.txt", b"")


async def test_a_fetch_shows_how_far_it_is_and_can_be_cancelled_and_begun_again(together, guest):
    ann, dee = together[0], await guest("Dee")
    body = os.urandom(2_000_000)
    async with frames_from_relay(dee) as changes:
        await dee.join(ann.page.url)
        await ann.attach(named("film.bin", body))
        changes.append(after_chunks(3))
        await dee.button("^Fetch").click()
        await expect(dee.page.locator(".file-state")).to_have_text("2 MB · 14%")

        await dee.button("^Cancel").click()
        await expect(dee.page.locator(".file-state")).to_have_text("2 MB")
        changes.clear()
        await fetch(dee, "film.bin")

        assert (await saved(dee, "film.bin"))[1] == body


def after_chunks(count):
    """Hold back all chunks of files but the first ones."""
    passed: list[bytes] = []

    def held(frame):
        if isinstance(frame, str):
            return [] if '"signal"' in frame and len(passed) >= count else [frame]
        if len(passed) >= count:
            return []
        passed.append(frame)
        return [frame]

    return held


async def test_what_is_being_encrypted_can_be_cancelled_and_is_not_sent(together, tmp_path):
    ann, bob, _ = together
    await ann.attach(sparse(tmp_path / "cancelled.bin", 67_000_000))

    await ann.button("^Cancel").click()
    await expect(ann.page.locator(".uploads")).to_have_count(0)
    await ann.say("never mind")

    await bob.hears("never mind")
    assert await bob.file("cancelled.bin").count() == 0


def sparse(path, size):
    with path.open("wb") as file:
        file.truncate(size)
    return path


async def test_a_file_that_is_too_large_is_refused_in_words(together, tmp_path):
    ann = together[0]

    await ann.attach(sparse(tmp_path / "huge.bin", 67_108_865))

    await ann.is_told("Files may have up to 67 MB.")


async def test_a_picture_shows_a_small_one_first_and_opens_in_full(together):
    ann, bob, _ = together
    await ann.attach(named("harbour.png", png(1500, 1000), "image/png"))
    opens = bob.file("harbour.png").get_by_role("button", name="Open the picture")
    small = opens.locator("img")
    await expect(small).to_have_attribute("width", "640")
    await expect(small).to_have_js_property("naturalWidth", 640)

    await opens.click()

    whole = bob.page.get_by_role("dialog").get_by_role("img")
    await expect(whole).to_have_js_property("naturalWidth", 1500)
    await bob.close()
    await expect(opens).to_be_focused()


async def test_small_pictures_fetch_themselves(together):
    ann = together[0]

    await ann.attach(named("small.png", png(600, 400), "image/png"))

    await expect(ann.file("small.png")).to_contain_text(re.compile("Bob.* fetched it"))


async def test_a_pasted_picture_is_sent(together):
    ann, bob, _ = together
    await ann.field.evaluate(
        """(field, bytes) => {
            const clipboardData = new DataTransfer();
            const type = "image/png";
            clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted.png", { type }));
            const told = { clipboardData, bubbles: true, cancelable: true };
            field.dispatchEvent(new ClipboardEvent("paste", told));
        }""",
        list(png(60, 40)),
    )

    shown = bob.file("pasted.png").locator(".preview img")
    await expect(shown).to_have_js_property("naturalWidth", 60)


async def test_a_dropped_file_is_sent(together):
    ann, bob, _ = together
    given = await ann.page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["words"], "dropped.txt"));
            return data;
        }"""
    )
    main = ann.page.get_by_role("main")
    await main.dispatch_event("dragover", {"dataTransfer": given})
    await ann.is_told("Drop to send")

    await main.dispatch_event("drop", {"dataTransfer": given})

    await expect(bob.file("dropped.txt")).to_be_visible()


DRAWING = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    ("name", "kind"), [("drawn.svg", "image/svg+xml"), ("drawn.png", "image/png")]
)
async def test_what_is_no_safe_picture_is_never_drawn(together, name, kind):
    ann, bob, _ = together

    await ann.attach(named(name, DRAWING, kind))
    await fetch(bob, name)

    assert await saved(bob, name) == (name, DRAWING)
    assert await bob.file(name).locator("img, .preview").count() == 0


BEGINNINGS = {
    "89504e470d0a1a0a0000000d": "image/png",
    "ffd8ffe000104a4649460001": "image/jpeg",
    "474946383961010001000000": "image/gif",
    "524946461000000057454250": "image/webp",
    "524946461000000057415645": None,
    "3c73766720786d6c6e733d22": None,
    "3c21646f63747970652068746d": None,
    "00000020667479706176696600": None,
    "": None,
}


async def test_only_the_bytes_decide_what_is_a_picture(quiet_page):
    found = await quiet_page.evaluate(
        """async (beginnings) => {
            const { pictureType } = await import("/client/page/pictures.js");
            const bytes = (hex) =>
                Uint8Array.from(hex.match(/../g) ?? [], (two) => parseInt(two, 16));
            return beginnings.map((hex) => pictureType(bytes(hex)));
        }""",
        list(BEGINNINGS),
    )

    assert dict(zip(BEGINNINGS, found, strict=True)) == BEGINNINGS


async def test_a_hostile_file_name_shows_its_ending_and_turns_nothing(together):
    ann, bob, _ = together
    name = "holiday\u202egnp." + "very " * 30 + ".exe"
    await ann.attach(named(name, b"MZ"))
    card = bob.file("holiday")
    shown = card.locator(".file-name")

    await expect(shown.locator("bdi").last).to_have_text(".exe")

    await expect(shown.locator("bdi").last).to_be_in_viewport()
    assert "\u202e" not in await shown.inner_text()
    await expect(card.get_by_title("Program")).to_be_visible()


async def test_a_private_file_is_offered_to_one_alone(together):
    ann, bob, cy = together
    await ann.write_to("Bob")
    await ann.attach(named("secret.txt", b"words"))
    await expect(bob.file("secret.txt")).to_be_visible()

    await ann.write_to(None)
    await ann.say("for everybody")
    await cy.hears("for everybody")

    assert await cy.file("secret.txt").count() == 0
