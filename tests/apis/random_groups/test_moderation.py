"""Blocks and reports: who meets whom no more, and who is put out."""

from tests.apis.random_groups.strangers import logins, request
from tests.people import catch_up
from tests.servers import ADMIN_TOKEN


async def test_who_was_blocked_is_not_met_again(pair, later):
    alice, bob = pair
    assert (await alice.ask("block_member", {"userId": bob.user_id}))["success"]
    await bob.ask("leave_group", {"groupId": bob.group_id})
    await later(minutes=10)

    assert logins(await bob.enter()) == ["bob"]
    await alice.ask("unblock_member", {"userId": bob.user_id})
    await bob.ask("leave_group", {"groupId": bob.group_id})
    assert logins(await bob.enter()) == ["alice", "bob"]


async def test_who_was_blocked_cannot_write_alone_to_who_did(pair):
    alice, bob = pair
    await alice.ask("block_member", {"userId": bob.user_id, "groupId": alice.group_id})
    refused = await bob.say("psst", to=alice.user_id)
    heard = await bob.say("to all")

    assert refused["error"] == "recipient_not_found"
    assert heard["success"]


async def test_of_two_one_report_after_a_minute_removes_the_other(pair, later):
    alice, bob = pair
    await later(seconds=61)
    complaint = {"groupId": alice.group_id, "userId": bob.user_id, "reason": "spam"}
    ack = await alice.ask("report_member", {**complaint, "evidence": {"said": "buy"}})

    assert ack == {"success": True, "message": "Reported and removed", "removed": True}
    assert await bob.next("group_closed") == {"groupId": alice.group_id, "reason": "removed"}
    assert (await alice.next("user_left"))["reason"] == "removed"
    assert (await bob.say("but…"))["error"] == "not_found"
    assert logins(await bob.enter()) == ["bob"]


async def test_a_report_of_a_newcomer_waits_for_operators_only(pair, http):
    alice, bob = pair
    complaint = {"groupId": alice.group_id, "userId": bob.user_id, "reason": "spam"}
    ack = await alice.ask("report_member", {**complaint, "evidence": {"said": "buy"}})
    status, read = await request(http, "GET", "/api/admin/reports", ADMIN_TOKEN)
    await catch_up(bob)

    assert (ack["success"], ack["removed"]) == (True, False)
    assert bob.heard == []
    (report,) = read["reports"]
    assert (status, read["next"]) == (200, report["id"])
    assert (report["reporterId"], report["userId"]) == (alice.user_id, bob.user_id)
    assert (report["reason"], report["evidence"]) == ("spam", {"said": "buy"})
    assert (report["login"], report["publicKey"]) == ("bob", "key of bob")


async def test_reports_are_forgotten_after_thirty_days(pair, http, later):
    alice, bob = pair
    complaint = {"groupId": alice.group_id, "userId": bob.user_id, "reason": "spam"}
    await alice.ask("report_member", complaint)
    await later(minutes=30 * 24 * 60)
    _, read = await request(http, "GET", "/api/admin/reports", ADMIN_TOKEN)

    assert read["reports"] == []
