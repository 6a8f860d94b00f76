"""What tabs of a real Chromium keep of a session, and for how long."""

import pytest
import pytest_asyncio

from tests.servers import running

pytestmark = pytest.mark.asyncio(loop_scope="session")

OPEN = """async ([sessionId, words]) => {
    const { TabVault } = await import(new URL("client/client/vault.js", location.href));
    const vault = await TabVault.open({ relaySessionId: sessionId });
    if (words) await vault.keep("me", { name: words });
    return (await vault.kept())?.me?.name ?? null;
}"""
"""Be in a session in this tab, keep something, and tell what is kept."""

STORES = """async () => {
    const database = await new Promise((resolve) => {
        indexedDB.open("hushwire", 1).onsuccess = (told) => resolve(told.target.result);
    });
    const answer = (asked) => new Promise((resolve) => {
        asked.onsuccess = () => resolve(asked.result);
    });
    const all = {};
    for (const name of database.objectStoreNames) {
        all[name] = await answer(database.transaction(name).objectStore(name).getAllKeys());
    }
    database.close();
    return all;
}"""

AGE = """async (hours) => {
    const database = await new Promise((resolve) => {
        indexedDB.open("hushwire", 1).onsuccess = (told) => resolve(told.target.result);
    });
    const writing = database.transaction("sessions", "readwrite");
    const sessions = writing.objectStore("sessions");
    sessions.getAllKeys().onsuccess = ({ target }) => {
        for (const id of target.result) sessions.put(Date.now() - hours * 3_600_000, id);
    };
    await new Promise((resolve) => (writing.oncomplete = resolve));
    database.close();
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def relay(quiet_client):
    async with running(None, quiet_client) as one:
        yield one


async def tab_in(person, session_id, words=None):
    """A new tab of somebody, in a session, and what it has kept there."""
    tab = await person.context.new_page()
    await tab.goto("/")
    return tab, await tab.evaluate(OPEN, [session_id, words])


async def test_a_session_that_is_open_for_days_outlives_others_and_a_reload(people):
    ann = await people()
    tab, kept = await tab_in(ann, "first", "Ann")
    assert kept == "Ann"
    await tab.evaluate(AGE, 25)

    await tab_in(ann, "second", "Ann elsewhere")
    await tab.reload()

    assert await tab.evaluate(OPEN, ["first", None]) == "Ann"


async def test_a_session_that_no_tab_is_in_is_forgotten_after_a_day(people):
    ann = await people()
    tab, _ = await tab_in(ann, "first", "Ann")
    await tab.close()
    still, _ = await tab_in(ann, "second", "Ann")
    assert set((await still.evaluate(STORES))["keys"]) == {"first", "second"}
    await still.evaluate(AGE, 25)

    await tab_in(ann, "third", "Ann")

    assert set((await still.evaluate(STORES))["keys"]) == {"second", "third"}


async def test_a_session_that_is_only_looked_at_leaves_no_trace(people):
    ann = await people()

    tab, kept = await tab_in(ann, "looked-at")

    assert kept is None
    assert await tab.evaluate(STORES) == {"keys": [], "chunks": [], "sessions": []}


async def test_two_tabs_of_one_session_keep_each_its_own_under_one_key(people):
    ann = await people()
    one, _ = await tab_in(ann, "first", "Ann")
    other, _ = await tab_in(ann, "first", "Ann's other tab")

    assert (await one.evaluate(STORES))["keys"] == ["first"]
    for tab, name in ((one, "Ann"), (other, "Ann's other tab")):
        await tab.reload()
        assert await tab.evaluate(OPEN, ["first", None]) == name
