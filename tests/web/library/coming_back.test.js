/** Coming back: after a lost connection, a restarted server, a reload; too fast; at the end. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HostileRelay } from "../hostile/relay.js";
import { Cable } from "../scene/cable.js";
import { Company, QUICK } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";

const PATIENT = { ...QUICK, head: 60_000 };

/**
 * @param {string} name
 * @param {number} count
 */
function texts(name, count) {
  return Array.from({ length: count }, (_, index) => `${name} ${index}`);
}

describe("coming back", { concurrency: true }, () => {
  test("what was sent on both sides of a cut arrives once, in order", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann")).is("connected");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);
    ann.session.sendText("before");
    await bob.hears("before");

    cable.cut();
    await bob.is("reconnecting");
    for (const text of texts("ann", 8)) ann.session.sendText(text);
    ann.session.sendText("for Bob alone", bob.id);
    const ids = texts("bob", 8).map((text) => bob.session.sendText(text));
    cable.mend();

    await bob.hears(...texts("ann", 8), "for Bob alone");
    await ann.hears(...texts("bob", 8));
    assert.deepEqual(bob.heard, ["before", ...texts("ann", 8), "for Bob alone"]);
    assert.deepEqual(ann.heard, texts("bob", 8));
    await bob.has(ids[7], "sent");
    const course = bob.states.map(({ state }) => state);
    assert.deepEqual(course.slice(2), ["reconnecting", "catching-up", "connected"]);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("who was lost can read what was said until it is back", async (t) => {
    const { url } = await startServer(t);
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann")).is("connected");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);

    cable.cut();
    await ann.learns("lost");
    ann.session.sendText("meanwhile");
    await until(() => ann.message("meanwhile")?.status === "sent");
    cable.mend();

    await bob.hears("meanwhile");
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("a message whose acknowledgement was lost is not sent twice", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann", { url: cable.url })).is("connected");
    const bob = await (await company.open("Bob")).is("connected");
    await ann.sees(bob);

    cable.deafen();
    const id = ann.session.sendText("unheard");
    await bob.hears("unheard");
    assert.equal(ann.entry(id).status, "sending");
    cable.cut();
    await ann.is("reconnecting");
    ann.session.sendText("after it");
    cable.mend();

    await ann.has(id, "sent");
    await bob.hears("after it");
    assert.deepEqual(bob.heard, ["unheard", "after it"]);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("a creator who never heard that the session was made is still its creator", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const relay = await HostileRelay.stand(t, url);
    let lost = 0;
    relay.down = (told) => {
      if (told.event !== "ack join-session" || lost > 0) return [told];
      lost++;
      relay.cut(told.who);
      return [];
    };

    const ann = await (await new Company(t, url).create("Ann", { url: relay.url })).is("connected");

    assert.equal(lost, 1);
    await ann.session.lock(true);
    assert.deepEqual(ann.alarms, []);
  });

  test("who came and went meanwhile is told after a cut", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    const cy = await (await company.open("Cy", { url: cable.url })).is("connected");
    await ann.sees(cy);

    cable.cut();
    await cy.is("reconnecting");
    await bob.session.leave();
    const dan = await (await company.open("Dan")).is("connected");
    cable.mend();

    assert.equal((await cy.learns("left")).memberId, bob.id);
    assert.equal((await cy.learns("arrived")).memberId, dan.id);
  });

  test("who was offline for long calls nobody silent", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url, { pace: { ...QUICK, head: 1_000, silent: 1_500 } });
    const ann = await (await company.create("Ann")).is("connected");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);
    await bob.sees(ann);
    const start = performance.now();

    cable.cut();
    await bob.is("reconnecting");
    await until(() => performance.now() - start > 1_600);
    cable.mend();
    await bob.is("connected");
    ann.session.sendText("still here");
    await bob.hears("still here");
    assert.deepEqual(bob.alarms, []);
  });

  test("a server that forgets all ends the session, and what waited has failed", async (t) => {
    const server = await startServer(t);
    const cable = await Cable.lay(t, server.url);
    const company = new Company(t, cable.url);
    const ann = await (await company.create("Ann")).is("connected");

    cable.cut();
    await ann.is("reconnecting");
    const id = ann.session.sendText("too late");
    await server.restart();
    cable.mend();

    await ann.is("ended");
    assert.equal(ann.states.at(-1).reason, "session_not_found");
    assert.equal(ann.entry(id).status, "failed");
    assert.equal(ann.entry(id).reason, "session_not_found");
  });

  test("whoever is too fast loses nothing, and the order holds", async (t) => {
    const { url } = await startServer(t, { MEMBER_SENDS_PER_MINUTE: 120 });
    const company = new Company(t, url, { pace: PATIENT });
    const [ann, bob] = await company.gather("Ann", "Bob");

    const all = texts("fast", 36);
    const ids = all.map((text) => ann.session.sendText(text));

    await ann.has(ids[35], "sent");
    await bob.hears(...all);
    assert.deepEqual(bob.heard, all);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("a session that nobody uses ends for all, and says so", async (t) => {
    const server = await startServer(t, { clock: "manual" });
    const [ann, bob] = await new Company(t, server.url, { pace: PATIENT }).gather("Ann", "Bob");

    await server.advance(31);

    await ann.is("ended");
    await bob.is("ended");
    assert.equal(ann.states.at(-1).reason, "session_expired");
    assert.equal(ann.entry(ann.session.sendText("hello?")).status, "failed");
  });

  test("a closed session goes on after restore, as the same member", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    ann.session.sendText("one");
    bob.session.sendText("two");
    await ann.hears("two");
    await bob.hears("one");
    ann.session.setVerified(bob.id, true);
    await until(() => ann.kept.roster?.some((/** @type {any} */ one) => one.isVerified));

    ann.session.close();
    assert.deepEqual(ann.states.at(-1), { state: "ended", reason: "closed" });
    const again = await company.restore(ann).is("connected");
    await again.has(again.session.sendText("three"), "sent");

    await bob.hears("three");
    assert.equal(again.id, ann.id);
    assert.equal(again.session.isCreator, true);
    assert.deepEqual(
      again.messages.map(({ content, status }) => [content.text, status]),
      [
        ["one", "sent"],
        ["two", "received"],
        ["three", "sent"],
      ],
    );
    assert.equal(again.person(bob.id).isVerified, true);
    assert.deepEqual([...again.alarms, ...bob.alarms, ...bob.notices("lost")], []);
  });

  test("a crash in the middle of sending loses nothing, doubles nothing, alarms nobody", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    const all = texts("text", 40);
    for (const text of all) ann.session.sendText(text);

    await until(() => bob.heard.length >= 5);
    const again = await company.restore(ann.vanish()).is("connected");
    again.session.sendText("last");

    await bob.hears("last");
    assert.deepEqual(bob.heard, [...all, "last"]);
    const told = again.messages
      .map(({ content }) => content.text)
      .filter((text) => text !== "last");
    assert.deepEqual(told.toSorted(), all.toSorted());
    await until(() => again.messages.every(({ status }) => status === "sent"));
    assert.deepEqual([...again.alarms, ...bob.alarms], []);
  });

  test("a text that was written offline outlives a reload", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann", { url: cable.url })).is("connected");
    const bob = await (await company.open("Bob")).is("connected");
    await ann.sees(bob);

    cable.cut();
    await ann.is("reconnecting");
    const id = ann.session.sendText("from the train");
    await until(() => ann.kept.sender?.drafts.length);
    const again = company.restore(ann.vanish());

    assert.equal(again.entry(id).status, "sending");
    await bob.hears("from the train");
    await again.has(id, "sent");
  });

  test("what the relay no longer keeps is called trimmed, not missing or rolled back", async (t) => {
    const settings = { RECONNECT_GRACE_S: 60, MAX_SESSION_HISTORY_MESSAGES: 10 };
    const { url } = await startServer(t, settings);
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url, { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = await company.gather("Ann", "Bob");
    const cy = await (await company.open("Cy", { url: cable.url })).is("connected");
    await ann.sees(cy);
    bob.session.sendText("Bob's only word");
    await cy.hears("Bob's only word");
    await until(() => cy.kept.chains?.length);

    cable.cut();
    await cy.is("reconnecting");
    bob.session.sendText("Bob's second word");
    await ann.hears("Bob's second word");
    const all = texts("ann", 14).map((text) => ann.session.sendText(text));
    await ann.has(all[13], "sent");
    const again = await company.restore(cy.vanish()).is("connected");
    cable.mend();
    bob.session.sendText("Bob's third word");

    await again.hears("Bob's third word", "ann 13");
    const trimmed = again.notices("trimmed").map(({ memberId, count }) => [memberId, count]);
    assert.deepEqual(
      trimmed.toSorted(),
      [
        [ann.id, 4],
        [bob.id, 1],
        [bob.id, 1],
      ].toSorted(),
    );
    assert.deepEqual(again.alarms, []);
  });

  test("one member on two connections goes on in one chain", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    await until(() => ann.kept.me.memberToken);
    const twin = await company.restore(ann).is("connected");

    ann.session.sendText("one");
    await until(() => twin.message("one"));
    twin.session.sendText("two");
    await until(() => ann.message("two"));
    ann.session.sendText("three");

    await bob.hears("one", "two", "three");
    assert.deepEqual([...bob.alarms, ...ann.alarms, ...twin.alarms], []);
  });

  test("whoever finds no place at the server comes in when there is one", async (t) => {
    const { url } = await startServer(t, { MAX_ADDRESS_CONNECTIONS: 2 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    const cy = await company.open("Cy");

    await until(() => cy.state === "connecting");
    bob.session.close();
    await cy.is("connected");

    await ann.sees(cy);
  });
});

describe("a machine that was asleep", () => {
  test("calls nobody silent when it wakes", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url, { pace: { ...QUICK, head: 250, silent: 1_500 } });
    const [ann, bob] = await company.gather("Ann", "Bob");
    await until(() => ann.kept.numbers && bob.kept.numbers);

    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_000); // no timer runs
    for (const one of [ann, bob]) {
      const { last } = one.kept.numbers;
      await until(
        () => one.kept.numbers.last > last + 500,
        () => "no round",
      );
    }

    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });
});
