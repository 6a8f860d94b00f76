/** Talking: entries and their statuses, order, private messages, names, coming and going. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LinkError, MAX_TEXT_CHARS, Session } from "../../../server/web/hushwire.js";
import { Cable } from "../scene/cable.js";
import { Company } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";

describe("talking", { concurrency: true }, () => {
  test("a text is sending, then sent, and received by all in the order of sending", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await new Company(t, url).gather("Ann", "Bob", "Cy");

    const texts = Array.from({ length: 30 }, (_, index) => `text ${index}`);
    const ids = texts.map((text) => ann.session.sendText(text));

    await bob.hears(...texts);
    await cy.hears(...texts);
    assert.deepEqual(bob.heard, texts);
    assert.deepEqual(cy.heard, texts);
    await ann.has(ids[29], "sent");
    const course = ann.told.filter(({ id }) => id === ids[0]).map((entry) => entry.status);
    assert.deepEqual(course, ["sending", "sent"]);
    assert.deepEqual([...ann.alarms, ...bob.alarms, ...cy.alarms], []);
  });

  test("a private text reaches its reader only, and says whom it is for", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await new Company(t, url).gather("Ann", "Bob", "Cy");

    const id = ann.session.sendText("for Bob", bob.id);
    ann.session.sendText("for all");

    await bob.hears("for Bob", "for all");
    await cy.hears("for all");
    await ann.has(id, "sent");
    assert.equal(bob.message("for Bob").audience, bob.id);
    assert.equal(bob.message("for all").audience, null);
    assert.deepEqual(cy.heard, ["for all"]);
    assert.deepEqual([...ann.alarms, ...bob.alarms, ...cy.alarms], []);
  });

  test("a private text to somebody who has left fails, and what follows is sent", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await new Company(t, url).gather("Ann", "Bob", "Cy");
    await cy.session.leave();
    await ann.learns("left");

    const failing = ann.session.sendText("too late", cy.id);
    const strange = ann.session.sendText("for nobody", "A".repeat(32));
    ann.session.sendText("still here");

    await bob.hears("still here");
    assert.equal((await ann.has(failing, "failed")).reason, "recipient_not_found");
    assert.equal((await ann.has(strange, "failed")).reason, "recipient_not_found");
    assert.deepEqual(bob.alarms, []);
  });

  test("a text that failed goes out under its old id when it is tried again", async (t) => {
    const { url } = await startServer(t, { MAX_SESSION_MEMBERS: 3 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    const away = bob.vanish();
    await ann.learns("lost");
    const id = ann.session.sendText("to Bob", bob.id);
    await ann.has(id, "failed");

    const back = await company.restore(away).is("connected");
    await ann.sees(back);
    ann.session.retry(ann.entry(id));
    ann.session.retry(ann.entry(id));

    await back.hears("to Bob");
    await ann.has(id, "sent");
    assert.deepEqual(back.heard, ["to Bob"]);
    assert.deepEqual(back.alarms, []);
  });

  test("texts that no other client would show are refused at once", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    assert.throws(() => ann.session.sendText(""), RangeError);
    assert.throws(() => ann.session.sendText("x".repeat(MAX_TEXT_CHARS + 1)), RangeError);
    const longest = "😀".repeat(MAX_TEXT_CHARS);
    ann.session.sendText(longest);

    await bob.hears(longest);
  });

  test("what no UTF-8 can hold is shown to its sender as the others get it, or refused", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    const id = ann.session.sendText("cut \ud83d");
    const fileId = await ann.session.sendFile(new File(["x"], "../\udc24\u202e.exe"), {
      place: "p",
    });
    await assert.rejects(ann.session.rename("Ann\ud83d"), RangeError);

    await ann.has(fileId, "sent");
    await bob.hears("cut \ufffd", "_._\ufffd_.exe");
    assert.equal(ann.entry(id).content.text, "cut \ufffd");
    assert.deepEqual(ann.entry(fileId).content, bob.entry(fileId).content);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("who was there is no news to a newcomer, and the newcomer is to the others", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    assert.deepEqual(
      ann.notices("arrived").map(({ memberId }) => memberId),
      [bob.id],
    );
    assert.deepEqual(bob.notices("arrived"), []);
    assert.deepEqual(
      bob.session.people.map(({ card, isPresent }) => [card.name, isPresent]).toSorted(),
      [
        ["Ann", true],
        ["Bob", true],
      ],
    );
  });

  test("a new name is seen by the others and by oneself", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    await bob.session.rename("Robert ✨");
    await bob.session.rename("Rob");

    await until(() => ann.person(bob.id).card.name === "Rob");
    assert.equal(bob.person(bob.id).card.name, "Rob");
    assert.equal(bob.session.name, "Rob");
    await assert.rejects(bob.session.rename("line\nbreak"), RangeError);
    await assert.rejects(Session.open(bob.session.link.fragment, { url, name: " " }), RangeError);
    assert.equal(bob.session.name, "Rob");
    assert.deepEqual(ann.alarms, []);
  });

  test("typing is seen until it ends, or its connection does", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    await bob.session.setTyping(true);
    await until(() => ann.person(bob.id).isTyping);
    await bob.session.setTyping(false);
    await until(() => !ann.person(bob.id).isTyping);
    await bob.session.setTyping(true);
    await until(() => ann.person(bob.id).isTyping);
    bob.session.close();
    await until(() => !ann.person(bob.id).isTyping);

    await ann.learns("lost");
  });

  test("a locked session lets nobody in until it is unlocked", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    await assert.rejects(bob.session.lock(true), { code: "forbidden" });

    await ann.session.lock(true);
    assert.equal(ann.session.isLocked, true);
    await until(() => bob.session.isLocked);
    const cy = await (await company.open("Cy")).is("ended");
    assert.equal(cy.states.at(-1).reason, "session_locked");
    await ann.session.lock(false);
    assert.equal(ann.session.isLocked, false);
    const dan = await (await company.open("Dan")).is("connected");

    assert.equal(dan.session.isLocked, false);
  });

  test("who is removed is out, and the others hear it of the creator", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob, cy] = await company.gather("Ann", "Bob", "Cy");
    await assert.rejects(bob.session.remove(cy.id), RangeError);
    await assert.rejects(ann.session.remove(ann.id), RangeError);

    await ann.session.remove(cy.id);
    ann.session.sendText("without Cy");

    await cy.is("ended");
    assert.equal(cy.states.at(-1).reason, "removed");
    await bob.hears("without Cy");
    for (const one of [ann, bob]) {
      assert.equal((await one.learns("removed")).memberId, cy.id);
      await until(() => !one.person(cy.id).isPresent);
      assert.deepEqual([one.notices("left"), one.alarms], [[], []]);
    }
    const again = await company.restore(cy).is("ended");
    assert.equal(again.states.at(-1).reason, "session_locked");
  });

  test("who leaves is gone for the others, and keeps nothing", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");
    await until(() => bob.kept.me && bob.kept.roster && bob.kept.chains);

    const leaving = bob.session.leave();
    bob.session.sendText("a last word");
    await leaving;

    assert.equal((await ann.learns("left")).memberId, bob.id);
    assert.equal(bob.states.at(-1).reason, "left");
    assert.deepEqual(bob.kept, {});
    assert.equal(bob.message("a last word").status, "failed");
    const late = bob.session.sendText("after all");
    assert.equal(bob.entry(late).reason, "left");
  });

  test("who leaves on a line without answers does not wait for them, and keeps nothing", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const [ann] = await company.gather("Ann");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);
    await until(() => bob.kept.me && bob.kept.roster);
    cable.deafen();

    const startMs = performance.now();
    await bob.session.leave();

    assert.ok(performance.now() - startMs < 10_000);
    assert.equal(bob.states.at(-1).reason, "left");
    assert.deepEqual(bob.kept, {});
    assert.equal((await ann.learns("left")).memberId, bob.id);
  });

  test("who leaves without a line is gone at once, and lost to the others", async (t) => {
    const { url } = await startServer(t);
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const [ann] = await company.gather("Ann");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);
    await until(() => bob.kept.me && bob.kept.roster);
    cable.cut();
    await bob.is("reconnecting");

    const startMs = performance.now();
    await bob.session.leave();

    assert.ok(performance.now() - startMs < 5_000);
    assert.deepEqual(bob.kept, {});
    assert.equal((await ann.learns("lost")).memberId, bob.id);
  });

  test("nobody gets into a session that is not there, full, or of another link", async (t) => {
    const { url } = await startServer(t, { MAX_SESSION_MEMBERS: 2 });
    const company = new Company(t, url);
    const [ann] = await company.gather("Ann", "Bob");
    const reasonOf = async (/** @type {any} */ person) => (await person.is("ended")).states.at(-1);

    assert.equal((await reasonOf(await company.open("Cy"))).reason, "session_full");

    const other = await Session.create({ url, name: "Dan" });
    company.link = other.link.fragment;
    assert.equal((await reasonOf(await company.open("Eve"))).reason, "session_not_found");

    const { link } = ann.session;
    const { sessionId, creator } = link;
    const wrong = new link.constructor(sessionId, new Uint8Array(32), creator, false);
    company.link = wrong.fragment;
    assert.equal((await reasonOf(await company.open("Fay"))).reason, "invalid_auth_key");
  });

  test("a link that was cut, changed or made by a newer version is refused by name", async (t) => {
    const { url } = await startServer(t);
    const { fragment } = (await Session.create({ url, name: "Ann" })).link;
    const refused = (/** @type {string} */ link, /** @type {string} */ reason) =>
      assert.rejects(
        Session.open(link, { url, name: "Bob" }),
        (error) => error instanceof LinkError && error.reason === reason,
      );

    await refused(fragment.slice(0, -4), "incomplete");
    const other = fragment[40] === "A" ? "B" : "A";
    await refused(`${fragment.slice(0, 40)}${other}${fragment.slice(41)}`, "incomplete");
    await refused(`B${fragment.slice(1)}`, "newer");
    await refused("https://relay.example/#", "none");
    await refused("a b", "none");
  });

  test("two people see the same safety number, and other pairs another", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await new Company(t, url).gather("Ann", "Bob", "Cy");

    const number = ann.session.safetyNumber(bob.id);

    assert.deepEqual(number, bob.session.safetyNumber(ann.id));
    assert.notDeepEqual(number, ann.session.safetyNumber(cy.id));
    assert.match(number.join(" "), /^(\d{5} ){11}\d{5}$/);
    assert.equal(ann.session.safetyNumber("A".repeat(32)), null);
  });

  test("two tabs of one person are two members, each with keys of its own", async (t) => {
    const { url } = await startServer(t);
    const [ann, tab, other] = await new Company(t, url).gather("Ann", "Bob", "Bob");

    tab.session.sendText("from one");
    other.session.sendText("from the other");
    ann.session.sendText("to one", tab.id);
    ann.session.sendText("to both");

    await ann.hears("from one", "from the other");
    await tab.hears("from the other", "to one", "to both");
    await other.hears("from one", "to both");
    assert.deepEqual(other.heard.includes("to one"), false);
    assert.deepEqual([...ann.alarms, ...tab.alarms, ...other.alarms], []);
  });
});
