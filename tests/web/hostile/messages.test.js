/** A relay that replays, reorders, drops, edits and lies: each is refused or shown, and the honest rest goes on. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBase64url, pack, toBase64url, unpack } from "../../../server/web/protocol/bytes.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { assertTheyTalk, meet } from "./plot.js";

/**
 * Let a relay handle messages to the first one as a test likes.
 *
 * @param {any} scene
 * @param {(message: any, nth: number) => any[]} change What comes instead of the nth message.
 */
function relayMessages({ relay, people }, change) {
  let count = 0;
  relay.down = (/** @type {any} */ told) => {
    if (told.who !== people[0].id || told.event !== "new-message") return [told];
    return change(told.data, ++count).map((data) => ({ event: "new-message", data }));
  };
}

describe("a relay that cheats with messages", { concurrency: true }, () => {
  test("cannot repeat one: not at once, later, or under another id", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    /** @type {any} */
    let kept;
    relayMessages(scene, (message) => {
      kept ??= message;
      return [message, message];
    });

    bob.session.sendText("one");
    await ann.hears("one");
    bob.session.sendText("two");
    await ann.hears("two");
    scene.relay.say(ann.id, "new-message", kept);
    await until(() => ann.notices("repeated")[0]?.count === 3);
    scene.relay.say(ann.id, "new-message", { ...kept, id: toBase64url(new Uint8Array(16)) });
    await until(() => ann.alarms.includes("refused: forged"));

    assert.deepEqual(ann.heard, ["one", "two"]);
    scene.relay.behave();
    await assertTheyTalk(scene.people);
  });

  test("cannot repeat one to a newcomer unseen: it cannot read it, and knows it later", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    bob.session.sendText("before Cy");
    await ann.hears("before Cy");
    const old = await scene.relay.heard(ann.id, "new-message");
    const cy = await (await scene.company.open("Cy", { url: scene.relay.url })).is("connected");
    await bob.sees(cy);

    scene.relay.say(cy.id, "new-message", old);
    bob.session.sendText("for Cy too");
    await cy.hears("for Cy too");

    assert.equal((await cy.learns("repeated")).memberId, bob.id);
    assert.deepEqual(cy.heard, ["for Cy too"]);
  });

  test("that reorders two is seen: the one is missing, then late", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    /** @type {any} */
    let held;
    relayMessages(scene, (message, nth) => {
      if (nth !== 2) return nth === 3 ? [message, held] : [message];
      held = message;
      return [];
    });

    for (const text of ["one", "two", "three"]) bob.session.sendText(text);

    await ann.hears("one", "two", "three");
    assert.equal(ann.message("two").isLate, true);
    assert.equal(ann.message("three").isLate, false);
    assert.deepEqual(ann.alarms, ["missing"]);
    assert.deepEqual(ann.heard, ["one", "three", "two"]);
    await assertTheyTalk(scene.people);
  });

  test("that drops one in the middle is seen by the next", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    relayMessages(scene, (message, nth) => (nth === 2 || nth === 3 ? [] : [message]));

    for (const text of ["one", "two", "three", "four"]) bob.session.sendText(text);

    await ann.hears("one", "four");
    const { memberId, count } = await ann.learns("missing");
    assert.deepEqual([memberId, count], [bob.id, 2]);
    await assertTheyTalk(scene.people);
  });

  test("that drops the newest is seen by the sender's head", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    relayMessages(scene, (message, nth) => (nth > 1 ? [] : [message]));

    for (const text of ["one", "two", "three"]) bob.session.sendText(text);

    const { memberId } = await ann.learns("missing");
    await until(() => ann.notices("missing").reduce((sum, { count }) => sum + count, 0) === 2);
    assert.equal(memberId, bob.id);
    scene.relay.behave();
    await assertTheyTalk(scene.people);
  });

  test("that drops all that somebody says is seen, in private too", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    relayMessages(scene, () => []);

    bob.session.sendText("to all");
    await ann.learns("missing");
    const id = bob.session.sendText("to Ann", ann.id);
    await bob.has(id, "sent");

    await until(() => ann.notices("missing").length === 2);
    assert.deepEqual(ann.heard, []);
  });

  test("that drops the very first is seen by the next, without a head or a key", async (t) => {
    const pace = { ...QUICK, head: 60_000, answer: 100 };
    const scene = await meet(t, ["Ann", "Bob"], { pace });
    const [ann, bob] = scene.people;
    const isHeldBack = (/** @type {any} */ { event, data }) =>
      event === "signal" || (event === "new-message" && data.id === firsts[data.to ?? ""]);
    /** @type {Record<string, string>} */
    const firsts = {};
    scene.relay.down = (told) => {
      if (told.event === "new-message") firsts[told.data.to ?? ""] ??= told.data.id;
      return told.who === ann.id && isHeldBack(told) ? [] : [told];
    };

    for (const text of ["one", "two"]) bob.session.sendText(text);
    for (const text of ["alone one", "alone two"]) bob.session.sendText(text, ann.id);

    await until(() => ann.messages.length === 2);
    const told = () => ann.notices("missing").map(({ memberId, count }) => [memberId, count]);
    await until(() => told().length === 2);
    assert.deepEqual(told(), [
      [bob.id, 1],
      [bob.id, 1],
    ]);
    await until(() => ann.messages.every(({ reason }) => reason === "no-key"));
    scene.relay.behave();
    await assertTheyTalk(scene.people);
    bob.session.sendText("alone three", ann.id);
    // Another message of each epoch has come: its key is asked for once more.
    await ann.hears("two", "alone two", "alone three");
  });

  test("that drops the very first is seen by the sender's head", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    relayMessages(scene, () => []);

    bob.session.sendText("only this");

    const { memberId, count } = await ann.learns("missing");
    assert.deepEqual([memberId, count], [bob.id, 1]);
  });

  test("that drops what is for one alone is seen, whatever signals it keeps back for that", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    scene.relay.down = (told) => {
      const isForAnn = told.who === ann.id && told.data.to === ann.id;
      return isForAnn && ["new-message", "signal"].includes(told.event) ? [] : [told];
    };

    bob.session.sendText("to all");
    bob.session.sendText("to Ann", ann.id);
    await ann.hears("to all");

    const { memberId, count } = await ann.learns("missing");
    assert.deepEqual([memberId, count], [bob.id, 1]);
    scene.relay.behave();
    await assertTheyTalk(scene.people);
  });

  test("that drops the first ones is seen when their keys come from the sender", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    relayMessages(scene, (message, nth) => (nth < 4 ? [] : [message]));

    for (const text of ["one", "two", "three", "four"]) bob.session.sendText(text);

    await ann.hears("four");
    assert.equal((await ann.learns("missing")).count, 3);
    await assertTheyTalk(scene.people);
  });

  test("that hides the newest behind a line that breaks all the time is seen all the same", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, grace: 300 } });
    const [ann, bob] = scene.people;
    let isBreaking = true;
    scene.relay.down = (told) => {
      if (told.event === "ack join-session") {
        return [{ ...told, data: { ...told.data, messages: [] } }];
      }
      if (told.who !== ann.id) return [told];
      // As soon as the sender's head is there, the line breaks.
      if (isBreaking && told.event === "signal") setTimeout(() => scene.relay.cut(ann.id), 20);
      return told.event === "new-message" ? [] : [told];
    };
    bob.session.sendText("hidden");
    await until(() => ann.states.filter(({ state }) => state === "reconnecting").length === 2);
    await bob.session.leave();
    isBreaking = false;

    assert.equal((await ann.learns("missing")).memberId, bob.id);
  });

  test("cannot change a byte of one", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    bob.session.sendText("untouched");
    await ann.hears("untouched");
    const { id, ...rest } = await scene.relay.heard(ann.id, "new-message");
    const bytes = fromBase64url(rest.encrypted);

    for (let at = 0; at < bytes.length; at += 7) {
      const encrypted = toBase64url(bytes.with(at, bytes[at] ^ (1 << (at % 8))));
      scene.relay.say(ann.id, "new-message", { id, ...rest, encrypted });
    }
    bob.session.sendText("the end");
    await ann.hears("the end");

    const count = Math.ceil(bytes.length / 7);
    const refused = ann.messages.filter(({ reason }) => reason === "forged");
    assert.equal(refused.length, Math.min(count, 500));
    assert.equal(ann.entry(id).content.text, "untouched", "nothing is written over");
    assert.deepEqual(ann.heard, ["untouched", "the end"]);
  });

  test("cannot exchange the fields of one for those of another", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    for (const text of ["one", "two"]) bob.session.sendText(text);
    await ann.hears("one", "two");
    const all = scene.relay.told.filter((one) => one.who === ann.id && one.event === "new-message");
    const [one, two] = all.map(({ data }) => data);
    const [parts, others] = [one, two].map(({ encrypted }) => unpack(fromBase64url(encrypted), 3));
    const [heads, otherHeads] = [parts, others].map(([head]) => unpack(head, 12));

    let count = 0;
    const say = (/** @type {Uint8Array[]} */ mixed, relayed = two) => {
      const encrypted = toBase64url(pack(...mixed));
      if (encrypted === one.encrypted || encrypted === two.encrypted) return;
      scene.relay.say(ann.id, "new-message", { ...relayed, encrypted });
      count++;
    };
    for (let at = 0; at < 3; at++) say(parts.with(at, others[at]));
    for (let at = 0; at < 12; at++) {
      say([pack(...heads.with(at, otherHeads[at])), parts[1], parts[2]], one);
      say([pack(...heads.with(at, new Uint8Array(0))), parts[1], parts[2]], one);
    }

    await until(() => ann.alarms.filter((alarm) => alarm === "refused: forged").length === count);
    assert.ok(count >= 15);
    await assertTheyTalk(scene.people);
  });

  test("cannot say that one is of somebody else, for somebody else, or of another session", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = scene.people;
    const other = await meet(t, ["Dan", "Eve"]);
    other.people[1].session.sendText("elsewhere");
    const foreign = await other.relay.heard(other.people[0].id, "new-message");
    bob.session.sendText("to all");
    bob.session.sendText("to Ann", ann.id);
    await ann.hears("to all", "to Ann");
    const open = await scene.relay.heard(ann.id, "new-message", ({ to }) => to === null);
    const secret = await scene.relay.heard(ann.id, "new-message", ({ to }) => to !== null);

    const lies = [
      { ...open, from: cy.id },
      { ...open, from: ann.id },
      { ...open, to: ann.id },
      { ...open, to: cy.id },
      { ...open, to: "all" },
      { ...open, id: secret.id },
      { ...secret, to: null },
      { ...secret, to: cy.id },
      { ...foreign, from: bob.id },
    ];
    for (const lie of lies) scene.relay.say(ann.id, "new-message", lie);

    const forged = () => ann.alarms.filter((alarm) => alarm === "refused: forged");
    await until(
      () => forged().length === lies.length,
      () => ann.summary(),
    );
    assert.deepEqual(ann.heard, ["to all", "to Ann"]);
    assert.equal(ann.message("to Ann").audience, ann.id);
    await assertTheyTalk(scene.people);
  });

  test("that tells everybody of a private one shows them something, and no text", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = scene.people;
    bob.session.sendText("to Cy", cy.id);
    await cy.hears("to Cy");
    const message = await fetchedBy(scene, t, bob, cy);

    scene.relay.say(ann.id, "new-message", message);
    scene.relay.say(ann.id, "new-message", { ...message, to: null });

    await until(() => ann.alarms.includes("refused: not-for-us"));
    await until(() => ann.alarms.includes("refused: forged"));
    assert.deepEqual(ann.heard, []);
    await assertTheyTalk(scene.people);
  });

  test("that answers for the server is seen by those who miss the message", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    scene.relay.up = (asked) =>
      asked.event === "send-message" ? { ...asked, answer: { success: true } } : asked;

    const id = ann.session.sendText("never arrives");
    await ann.has(id, "sent");

    assert.equal((await bob.learns("missing")).memberId, ann.id);
    scene.relay.behave();
    await assertTheyTalk(scene.people);
  });

  test("that relays a message and says that it did not makes a fork that is seen", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    let isFirst = true;
    scene.relay.down = (told) => {
      if (told.event !== "ack send-message" || !isFirst) return [told];
      isFirst = false;
      return [{ ...told, data: { success: false, error: "payload_too_large", message: "" } }];
    };

    const failed = ann.session.sendText("said to have failed");
    await ann.has(failed, "failed");
    await bob.hears("said to have failed");
    for (const text of ["one", "two", "three"]) ann.session.sendText(text);

    await bob.hears("three");
    assert.ok(bob.alarms.includes("refused: forked"));
    await assertTheyTalk(scene.people);
  });

  test("that says that one was refused for a while gets the same again, and no other", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    let refusals = 0;
    scene.relay.down = (told) => {
      if (told.event !== "ack send-message" || ++refusals > 2) return [told];
      const answer = { success: false, error: "rate_limited", message: "", retryAfterMs: 5 };
      return [{ ...told, data: answer }];
    };

    const id = ann.session.sendText("once");
    await ann.has(id, "sent");
    ann.session.sendText("after it");

    await bob.hears("once", "after it");
    const sent = scene.relay.asked.filter(
      ({ event, data }) => event === "send-message" && data.id === id,
    );
    assert.deepEqual([sent.length, new Set(sent.map(({ data }) => data.encrypted)).size], [3, 1]);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("cannot hide with numbers of its own what it does not deliver", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    relayMessages(scene, (message, nth) => [
      { ...message, seq: [2 ** 53, -1, Number.MAX_SAFE_INTEGER, "7", null][nth % 5] },
    ]);
    for (const text of ["one", "two", "three", "four", "five"]) bob.session.sendText(text);
    await ann.hears("one", "two", "three", "four", "five");

    scene.relay.behave();
    scene.relay.cut(ann.id);
    await ann.is("reconnecting");
    bob.session.sendText("while away");
    await ann.is("connected");

    await ann.hears("while away");
  });

  test("that sends somebody away is come back to, and that ends the session is seen to", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;

    scene.relay.dismiss(ann.id);
    await ann.is("reconnecting");
    bob.session.sendText("meanwhile");
    await ann.is("connected");
    await ann.hears("meanwhile");
    scene.relay.say(ann.id, "session-error", { error: "session_expired", message: "really" });

    await ann.is("ended");
    assert.equal(ann.states.at(-1).reason, "session_expired");
  });

  test("that ends the session right behind many messages keeps none of them back", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    /** @type {any[]} */
    const held = [];
    scene.relay.down = (told) => {
      if (told.who !== ann.id || told.event !== "new-message") return [told];
      held.push(told.data);
      return [];
    };
    const texts = Array.from({ length: 60 }, (_, index) => `text ${index}`);
    for (const text of texts) bob.session.sendText(text);
    await until(() => held.length === 60);

    for (const message of held) scene.relay.say(ann.id, "new-message", message);
    scene.relay.say(ann.id, "session-error", { error: "session_expired", message: "" });

    await ann.is("ended");
    assert.deepEqual(ann.heard, texts);
  });
});

/**
 * A private message between others, as the relay has it.
 *
 * @param {any} scene
 * @param {import("node:test").TestContext} t
 * @param {any} from
 * @param {any} to
 */
async function fetchedBy(scene, t, from, to) {
  const twin = scene.company.restore(to, { url: scene.relay.url });
  t.after(() => twin.session.close());
  const { messages } = await scene.relay.heard(to.id, "ack join-session");
  return messages.find((/** @type {any} */ one) => one.from === from.id && one.to === to.id);
}
