"""What somebody who has left a group of strangers can still open, with all keys she ever had."""

from typing import Any

from playwright.async_api import Page

# Before the page makes an identity for its group: keep it where a test finds it.
_KEEP = """async () => {
    const { Identity } = await import("/client/protocol/identity.js");
    const create = Identity.create;
    Identity.create = () => (window.ownIdentity = create.call(Identity));
}"""

# Each key that opens for her, be it meant for her or not, is tried on each message of its sender.
_OPEN = """async ({ groupId, members, messages }) => {
    const load = (name) => import(`/client/protocol/${name}.js`);
    const { concat } = await load("bytes");
    const { MEMBER_ID_BYTES } = await load("identity");
    const { placeOf } = await load("strangers/place");
    const { readStrangerCard } = await load("strangers/cards");
    const { openKeys, readKeys } = await load("strangers/keys");
    const { readStrangerMessage } = await load("strangers/messages");
    const own = window.ownIdentity;
    const place = placeOf(groupId);
    const attempt = (act) => {
        try {
            return act() ?? [];
        } catch {
            return [];
        }
    };
    const openedBy = ({ userId, publicKey }) => {
        const card = readStrangerCard(publicKey, String(userId));
        const said = messages.filter(({ senderId }) => String(senderId) === String(userId));
        const notes = said
            .filter(({ messageType }) => messageType === "key_exchange")
            .flatMap((one) => attempt(() => readKeys(place, card, one.encryptedContent)));
        const asHers = (entry) => concat(own.memberId, entry.subarray(MEMBER_ID_BYTES));
        const chains = notes.flatMap((note) =>
            [note.entries, ...note.entries.map((entry) => [asHers(entry)])].flatMap((entries) =>
                attempt(() => openKeys(place, own, { ...note, entries })),
            ),
        );
        const texts = said.filter(({ messageType }) => messageType === "text");
        return texts.flatMap(({ id, encryptedContent: encrypted }) => {
            const envelope = readStrangerMessage(place, { id, encrypted }, card);
            return chains.flatMap((chain) =>
                attempt(() => envelope.open(chain.keyOf(envelope.head.number)).text),
            );
        });
    };
    return members.flatMap(openedBy);
}"""


async def keep_keys(page: Page) -> None:
    """From now on the page's keys stay after it has left. For a page that is at the start."""
    await page.evaluate(_KEEP)


async def opened_with_own_keys(
    page: Page, group: dict[str, Any], messages: list[dict[str, Any]]
) -> set[str]:
    """The texts among these messages that the keys of this page open.

    Args:
        group: As the relay told it, with the cards of all who wrote.
        messages: All that the relay has, keys too.
    """
    told = {"groupId": group["id"], "members": group["members"], "messages": messages}
    return set(await page.evaluate(_OPEN, told))
