"""What the page sends, and what it says when a relay is not to be trusted."""

import base64
import json

import pytest
from playwright.async_api import expect

from tests.web.page.talkers import frames_from_relay

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAID = "canary-in-a-message"
NAMED = "canary-in-a-name"
FILED = "canary-in-a-file-name.txt"
HELD = b"canary-in-a-file " * 9


def spellings(text):
    """A text as it is, and as base64 has it at each place."""
    raw = text.encode()
    encoded = [base64.b64encode(b"\0" * at + raw).decode()[4:-4] for at in (0, 1, 2)]
    return [text, raw.hex(), *encoded]


def windows(secret):
    return [secret[at : at + 12] for at in range(len(secret) - 11)]


def all_that_was_sent(visitor):
    for request in visitor.requests:
        yield request.url
        yield json.dumps(request.headers)
        yield request.post_data or ""
    for socket in visitor.sockets:
        yield socket.url
    for frame in visitor.frames_sent:
        yield frame if isinstance(frame, str) else frame.decode("latin-1")


async def test_nothing_of_the_link_and_of_what_is_said_is_sent_in_the_clear(meet):
    ann, bob = await meet(NAMED, "Bob", shares=True)
    await ann.say(SAID)
    await bob.hears(SAID)
    await ann.attach({"name": FILED, "mimeType": "text/plain", "buffer": HELD})
    await bob.button("^Fetch").click()
    await expect(bob.button("^Save")).to_be_visible()
    await bob.page.reload()
    await bob.hears(SAID)

    fragment = ann.page.url.split("#")[1]
    secret = base64.urlsafe_b64decode(fragment + "==")[18:50]
    forbidden = [
        *windows(fragment[25:65]),
        *windows(base64.urlsafe_b64encode(secret).decode().rstrip("=")),
        *windows(base64.b64encode(secret).decode().rstrip("=")),
        secret.hex(),
        secret.decode("latin-1"),
        *(one for text in (SAID, NAMED, FILED, HELD.decode()[:60]) for one in spellings(text)),
    ]
    sent = [one for person in (ann, bob) for one in all_that_was_sent(person.visitor)]
    assert len(sent) > 50
    assert [word for word in forbidden for one in sent if word in one] == []


async def test_what_is_kept_for_a_reload_is_ciphertext(meet):
    ann, _ = await meet(NAMED, "Bob")
    await ann.say(SAID)
    await ann.has_sent(SAID)

    kept = await ann.page.evaluate("() => JSON.stringify(sessionStorage)")

    secret = windows(ann.page.url.split("#")[1][25:65])
    assert len(kept) > 200
    assert [word for word in (*spellings(SAID), *spellings(NAMED), *secret) if word in kept] == []


def once(change):
    """Change the next message that comes, and none after it."""
    is_done = False

    def changed(frame):
        nonlocal is_done
        if is_done or not isinstance(frame, str) or '"new-message"' not in frame:
            return [frame]
        is_done = True
        return change(frame)

    return changed


def damaged(frame):
    head, body = frame.split("[", 1)
    event, message = json.loads("[" + body)
    text = message["encrypted"]
    middle = len(text) // 2
    message["encrypted"] = (
        text[:middle] + ("A" if text[middle] != "A" else "B") + text[middle + 1 :]
    )
    return [head + json.dumps([event, message])]


HARMS = {
    "withheld": (lambda frame: [], "1 message of \u2068Bob\u2069 did not arrive"),
    "repeated": (lambda frame: [frame, frame], "Something old of \u2068Bob\u2069 was sent again"),
    "changed": (damaged, "A message in the name of \u2068Bob\u2069 was refused"),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_a_hostile_relay_does_is_shown_and_explained(talker, harm):
    change, words = HARMS[harm]
    ann, bob = await talker("Ann"), await talker("Bob")
    async with frames_from_relay(ann.page) as changes:
        await bob.join(await ann.start())
        await ann.sees_people("Bob")
        await bob.say("before")
        await ann.hears("before")
        changes.append(once(change))

        await bob.say("first")
        await bob.has_sent("first")
        await bob.say("second")

        await ann.hears("second")
        warning = ann.page.locator(".warning").filter(has_text=words)
        await expect(warning).to_be_visible()
        await warning.get_by_text("What does this mean?").click()
        await expect(warning.locator("details p")).to_be_visible()
