"""Strangers whose talk ends, breaks or turns bad: what the page does, and what it says of it."""

import aiohttp
import pytest
from playwright.async_api import expect

from scripts.demo_parts.strangers.verdict import verdict
from scripts.demo_parts.strangers.visitor import Visitor
from tests.clocks import ManualClock
from tests.servers import ADMIN_TOKEN, until
from tests.web.page.strangers import MEET

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def reports_at(relay):
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    async with (
        aiohttp.ClientSession(relay.url, headers=headers) as http,
        http.get("/api/admin/reports") as answer,
    ):
        return (await answer.json())["reports"]


async def test_a_report_reveals_what_was_chosen_and_nothing_else_and_holds(group, group_circle):
    ann, bob, cy = group
    for text in ("something harmless", "something bad", "something worse"):
        await bob.say(text)
        await ann.hears(text)
    await cy.say("nobody's business")
    await ann.hears("nobody's business")
    card = (await ann.ask("GET", "/api/groups/current"))["group"]["members"][1]["publicKey"]
    await ann.open_person("Bob")

    dialog = await ann.open("^Report")
    await expect(dialog).to_contain_text("no message, unless you choose some below")
    await expect(dialog).not_to_contain_text("nobody's business")
    await dialog.get_by_role("button", name="Send the report").click()
    await ann.is_told("Please say what is wrong.")
    await dialog.get_by_label("What is wrong?").fill("He is rude.")
    for text in ("something bad", "something worse"):
        await dialog.get_by_label(text).check()
    await expect(dialog).to_contain_text("2 messages in plain text, with proof of who wrote them")
    await dialog.get_by_role("button", name="Send the report").click()
    await expect(dialog).to_contain_text("The report was sent")
    await ann.close()

    (report,) = await reports_at(group_circle.relay)
    holds, lines = verdict(report, card)
    assert holds
    assert report["reason"] == "He is rude."
    said = "\n".join(lines)
    assert "something bad" in said
    assert "something worse" in said
    assert "harmless" not in said
    assert len(report["evidence"]["messages"]) == 2
    await expect(ann.person("Bob")).to_contain_text("Blocked")
    said = await ann.texts()
    assert "nobody's business" in said
    assert [text for text in said if text.startswith("something")] == []
    await ann.button("^Unblock").click()
    await ann.hears("something worse")


async def test_a_reload_takes_one_out_at_once_and_says_so(group, newcomer):
    bob, dee = group[1], await newcomer("Dee")
    await dee.enter()
    await dee.counts(4)
    await dee.say("hello from Dee")
    await bob.hears("hello from Dee")

    await dee.page.reload()

    await dee.is_told("You have left your group")
    await bob.is_told("\u2068Dee\u2069 left")
    await bob.counts(3)
    await expect(dee.page.get_by_label("Your pseudonym")).to_have_value("Dee")
    await dee.page.reload()
    await expect(dee.button(MEET)).to_be_visible()
    await expect(dee.page.get_by_text("You have left your group")).to_have_count(0)


async def test_who_lost_the_network_gets_what_was_missed_and_sends_what_was_written(group):
    ann, bob, _ = group
    await ann.say("said before")
    await bob.say("an answer")
    await ann.hears("an answer")
    ann.visitor.expect("ERR_INTERNET_DISCONNECTED")
    await ann.page.context.set_offline(True)
    await ann.is_told("This device is offline")
    await expect(ann.button("^Next$")).to_be_disabled()
    for number in range(3):
        await bob.say(f"missed {number}")
    await ann.say("written meanwhile")

    await ann.page.context.set_offline(False)

    await ann.is_told("3 messages caught up")
    await bob.hears("written meanwhile")
    await ann.has_sent("written meanwhile")
    assert sorted(await ann.texts()) == sorted(await bob.texts())


async def test_who_was_away_for_too_long_is_told_and_can_meet_others(group, newcomer, group_circle):
    bob, eve = group[1], await newcomer("Eve")
    await eve.enter()
    await eve.counts(4)
    eve.visitor.expect("ERR_INTERNET_DISCONNECTED")
    await eve.page.context.set_offline(True)
    await eve.is_told("This device is offline")
    await until(lambda: group_circle.relay.connections == len(group), 20)
    group_circle.clock.advance(minutes=1)
    await bob.is_told("\u2068Eve\u2069 lost the connection")

    await eve.page.context.set_offline(False)

    await eve.is_told("You are no longer in the group")
    await eve.button("Meet others").click()
    await eve.is_connected()
    await expect(eve.field).to_be_visible()


async def test_other_keys_than_before_are_a_warning_and_nothing_is_read_until_they_are_accepted(
    group, newcomer, group_circle
):
    ann, fay = group[0], await newcomer("Fay")
    await fay.enter()
    await fay.counts(4)
    await fay.say("it is me")
    await ann.hears("it is me")
    fay_id = (await fay.ask("GET", "/api/auth/me"))["user"]["id"]
    again = Visitor(group_circle.relay.url, fay.token, str(fay_id), "Fay")
    await again.connect()
    await again.meet()

    await ann.is_told("\u2068Fay\u2069 shows other keys than before")
    await expect(ann.person("Fay")).to_contain_text("Shows other keys than before")
    await fay.is_told("Your place was taken")
    assert again.member
    await again.line.until(again.member.outbox.recipients, "Ann")
    await again.say("me too")
    await ann.is_told("Waiting for the key to this…")
    await ann.open_person("Fay")
    dialog = await ann.open("^Accept the new keys")
    await dialog.get_by_role("button", name="Accept", exact=True).click()

    await ann.hears("me too")
    await expect(ann.person("Fay")).not_to_contain_text("other keys")
    await again.disconnect()


async def test_whom_enough_people_report_is_removed_and_told_so(gather, clock):
    ann, bob = await gather("Ann", "Bob")
    await bob.say("something bad")
    await ann.hears("something bad")
    clock.advance(minutes=2)
    await ann.open_person("Bob")
    dialog = await ann.open("^Report")
    await dialog.get_by_label("What is wrong?").fill("He is rude.")
    await dialog.get_by_role("button", name="Send the report").click()

    await bob.is_told("You were removed from the group")
    await expect(bob.field).to_have_count(0)
    await bob.hears("something bad")
    await ann.counts(1)

    await bob.button("Meet others").click()
    await bob.is_told("Nobody else is here at the moment")
    assert await bob.group_id() != await ann.group_id()


async def test_a_group_that_falls_silent_ends_and_leads_on(gather, clock):
    ann, bob = await gather("Ann", "Bob")
    # Once both have spoken, no keys are on their way any more, which would count as life.
    await bob.say("hello")
    await ann.hears("hello")
    await ann.say("last words")
    await bob.hears("last words")
    for one, text in ((ann, "last words"), (bob, "hello")):
        await one.has_sent(text)

    clock.advance(minutes=31)

    await bob.is_told("This group has ended")
    await bob.hears("last words")
    await bob.button("Back to the start").click()
    await expect(bob.button(MEET)).to_be_visible()
    await ann.button("Meet others").click()
    await ann.is_connected()
    assert await ann.texts() == []


async def test_a_pseudonym_that_runs_out_ends_the_visit_and_one_goes_on_as_somebody_new(
    stranger, serve
):
    clock = ManualClock()
    relay = await serve(clock, SESSION_IDLE_MINUTES=10_000)
    ann = await stranger("Ann", at=relay)
    await ann.enter()
    before = ann.token

    clock.advance(minutes=24 * 60 + 1)

    await ann.is_told("Your pseudonym has run out")
    await ann.button("Meet others").click()
    await until(lambda: ann.token != before)
    await ann.is_connected()


async def test_a_server_without_guests_says_that_it_has_no_strangers(stranger, serve):
    ann = await stranger("Ann", at=await serve(GUESTS="false"))
    ann.visitor.expect("403")
    await ann.look()

    await ann.ask_for_group()

    await ann.is_told("This server has no groups of strangers for guests.")
    await expect(ann.button(MEET)).to_be_enabled()


async def test_a_server_that_has_enough_for_now_says_so(stranger, serve):
    relay = await serve(ADDRESS_GUESTS_PER_MINUTE=1)
    bob = await stranger("Bob", at=relay)
    bob.visitor.expect("429")
    await bob.look()
    async with (
        aiohttp.ClientSession(relay.url) as http,
        http.post("/api/auth/guest", json={"login": "Ann"}) as answer,
    ):
        assert answer.ok

    await bob.ask_for_group()

    await bob.is_told("Too many people came from your address just now")


async def test_a_full_server_lets_nobody_move_on_and_takes_nobody_out(stranger, serve):
    relay = await serve(MAX_GROUPS=1)
    ann, bob = await stranger("Ann", at=relay), await stranger("Bob", at=relay)
    await ann.enter()
    await bob.enter()
    group = await ann.group_id()

    await ann.button("^Next$").click()

    await ann.is_told("The server has as many groups as it can hold")
    await ann.counts(2)
    await ann.say("still here")
    await bob.hears("still here")
    assert await ann.group_id() == group


async def test_who_comes_with_another_client_is_shown_as_one_who_cannot_read(gather, relay):
    (ann,) = await gather("Ann", places=2)
    async with aiohttp.ClientSession(relay.url) as http:
        async with http.post("/api/auth/guest", json={"login": "Rob"}) as answer:
            headers = {"Authorization": f"Bearer {(await answer.json())['token']}"}
        body = {"publicKey": "something of its own"}
        async with http.post("/api/groups/join-random", json=body, headers=headers) as answer:
            assert (await answer.json())["success"]

        await ann.is_told("\u2068Rob\u2069")
        await expect(ann.person("Rob")).to_contain_text("Uses another app")
        await ann.say("anybody?")
        await ann.is_told("Nobody is here who could read it.")
        async with http.post(f"/api/groups/{await ann.group_id()}/leave", headers=headers) as left:
            assert left.ok
