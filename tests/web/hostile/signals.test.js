/** A relay that cheats with signals, and with what it may say by itself. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBase64url, toBase64url } from "../../../server/web/protocol/bytes.js";
import { claimedEpochId } from "../../../server/web/protocol/envelope.js";
import { NO_BYTES } from "../../../server/web/protocol/primitives.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { Mallory } from "./mallory.js";
import { assertTheyTalk, meet } from "./plot.js";

/**
 * A head of the second one, as the first one was told it.
 *
 * @param {any} scene
 */
function headOf({ relay, people }) {
  return relay.heard(
    people[0].id,
    "signal",
    (/** @type {any} */ { from }) => from === people[1].id,
  );
}

describe("a relay that cheats with signals", { concurrency: true }, () => {
  test("cannot tell one twice, nor an old one after a reload", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    const old = await headOf(scene);

    scene.relay.say(ann.id, "signal", old);
    assert.equal((await ann.learns("repeated")).memberId, bob.id);
    await until(() => ann.kept.numbers?.heard.length);
    const again = await scene.company
      .restore(ann.vanish(), { url: scene.relay.url })
      .is("connected");
    scene.relay.say(again.id, "signal", old);

    await again.learns("repeated");
    await assertTheyTalk([again, bob]);
  });

  test("cannot tell an old one after a reload that was heard while nothing else happened", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 300 } });
    const [ann, bob] = scene.people;
    const keptOf = () => JSON.stringify([ann.kept.roster, ann.kept.epochs, ann.kept.chains]);
    const headsOfBob = () =>
      scene.relay.told.filter(
        ({ who, event, data }) => who === ann.id && event === "signal" && data.from === bob.id,
      );
    await until(() => headsOfBob().length > 2 && ann.kept.roster?.length === 2);
    const [before, mark] = [keptOf(), headsOfBob().length];
    const heard = (await until(() => headsOfBob()[mark])).data;
    for (let writes = 0; writes < 2; writes++) {
      const { last } = ann.kept.numbers;
      await until(() => ann.kept.numbers.last > last);
    }
    assert.equal(keptOf(), before, "nothing else happened");

    scene.relay.down = (told) => (told.event === "signal" ? [] : [told]);
    const again = await scene.company
      .restore(ann.vanish(), { url: scene.relay.url })
      .is("connected");
    scene.relay.say(again.id, "signal", heard);

    assert.equal((await again.learns("repeated")).memberId, bob.id);
  });

  test("cannot change a byte of one, nor say that it is of somebody else", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = scene.people;
    const head = await headOf(scene);
    const bytes = fromBase64url(head.encrypted);

    for (let at = 0; at < bytes.length; at += 5) {
      const encrypted = toBase64url(bytes.with(at, bytes[at] ^ 1));
      scene.relay.say(ann.id, "signal", { ...head, encrypted });
    }
    scene.relay.say(ann.id, "signal", { ...head, from: cy.id });
    scene.relay.say(ann.id, "signal", { ...head, from: ann.id });

    const countOf = (/** @type {string} */ id) =>
      ann.notices("forged").find(({ memberId }) => memberId === id)?.count;
    await until(() => countOf(bob.id) === Math.ceil(bytes.length / 5));
    await until(() => countOf(cy.id) === 1 && countOf(ann.id) === 1);
    await assertTheyTalk(scene.people);
  });

  test("cannot hand one that is for somebody else to us", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    const cy = await (await scene.company.open("Cy", { url: scene.relay.url })).is("connected");
    await bob.sees(cy);
    await bob.session.sendFile(new File(["abc"], "small"), { place: "p" });
    const note = await until(() => cy.message("small")?.content.file);
    await cy.session.fetchFile(note.id);
    const chunk = await scene.relay.heard(cy.id, "signal", ({ to }) => to === cy.id);

    scene.relay.say(ann.id, "signal", chunk);

    assert.equal((await ann.learns("forged")).memberId, bob.id);
    await assertTheyTalk(scene.people);
  });

  test("can say that somebody types, has fetched a file or locked the session: no more", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    /** @type {any[]} */
    const told = [];
    ann.session.on("downloaded", (one) => told.push(one));
    await ann.session.sendFile(new File(["abc"], "small"), { place: "p" });
    const { id } = (await until(() => bob.message("small"))).content.file;

    const say = (/** @type {string} */ event, /** @type {any} */ data) =>
      scene.relay.say(ann.id, event, data);
    say("user-typing", { userId: "nobody", isTyping: true });
    say("user-typing", { userId: bob.id, isTyping: "yes" });
    say("download-notification", { downloadedBy: "nobody", fileName: id });
    say("download-notification", { downloadedBy: bob.id, fileName: "x".repeat(1e6) });
    say("download-notification", { downloadedBy: bob.id, fileName: "a file" });
    say("download-notification", { downloadedBy: bob.id, fileName: id });
    say("download-notification", { downloadedBy: bob.id, fileName: id });
    say("session-locked", { locked: true });
    bob.session.sendText("behind all that");
    await ann.hears("behind all that");
    assert.equal(ann.session.isLocked, true);

    assert.deepEqual(told, [{ fileId: id, memberId: bob.id }]);
    assert.equal(ann.person(bob.id).isTyping, false);
    assert.equal(ann.session.people.length, 2);
  });

  test("nor a member that answers what it was not asked ends the wait for who was", async (t) => {
    const settings = { MAX_SESSION_HISTORY_MESSAGES: 1 };
    const scene = await meet(t, ["Ann", "Bob"], {}, settings);
    const [ann, bob] = scene.people;
    const mallory = await Mallory.join(t, scene.url, scene.company.link);
    await until(() => ann.person(mallory.id)?.card && bob.person(mallory.id)?.card);
    for (const text of ["with keys", "without"]) bob.session.sendText(text);
    await ann.hears("without");
    ann.vanish();
    delete ann.kept.epochs;
    /** @type {any[]} */
    const held = [];
    scene.relay.down = (told) => {
      if (told.event !== "signal" || told.data.from !== bob.id || !told.data.to) return [told];
      held.push(told.data);
      return [];
    };
    const pace = { ...QUICK, answer: 20_000 };
    const again = await scene.company.restore(ann, { url: scene.relay.url, pace }).is("connected");
    await until(() => held.length > 0);

    const nothing = mallory.signal(ann.id, "keys", []);
    await mallory.ask("send-signal", { to: ann.id, encrypted: nothing });
    await mallory.send(mallory.epoch(), { content: { text: "behind it" } });
    await again.hears("behind it");
    assert.deepEqual(
      again.messages.map(({ status }) => status).filter((status) => status !== "received"),
      ["waiting"],
    );
    for (const answer of held) scene.relay.say(again.id, "signal", answer);

    await again.hears("without");
    assert.deepEqual(again.alarms, []);
  });

  test("nor a member that calls a key its own keeps it from who lacks it", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], {}, { MAX_SESSION_HISTORY_MESSAGES: 2 });
    const [ann, bob] = scene.people;
    const mallory = await Mallory.join(t, scene.url, scene.company.link);
    await until(() => ann.person(mallory.id)?.card && bob.person(mallory.id)?.card);
    for (const text of ["with keys", "without"]) bob.session.sendText(text);
    await ann.hears("without");
    ann.vanish();
    delete ann.kept.epochs;
    const { encrypted } = await mallory.hears("new-message");
    const epochId = claimedEpochId(encrypted);
    const claimed = { ...mallory.epoch().epoch, epochId };
    await mallory.send({ epoch: claimed, keys: NO_BYTES });

    const pace = { ...QUICK, answer: 20_000 };
    const again = await scene.company.restore(ann, { url: scene.relay.url, pace }).is("connected");

    await again.hears("without");
    await until(() => again.messages.some(({ senderId }) => senderId === mallory.id));
    assert.deepEqual(again.heard, ["without"]);
  });

  test("that keeps all of them back leaves a message without its key, and says so", async (t) => {
    const settings = { MAX_SESSION_HISTORY_MESSAGES: 1 };
    const scene = await meet(t, ["Ann", "Bob"], {}, settings);
    const [ann, bob] = scene.people;
    for (const text of ["with keys", "without"]) bob.session.sendText(text);
    await ann.hears("without");
    ann.vanish();
    delete ann.kept.epochs;

    scene.relay.down = (told) => (told.event === "signal" ? [] : [told]);
    const again = await scene.company.restore(ann, { url: scene.relay.url, pace: { answer: 200 } });

    await again.is("connected");
    await until(() => again.messages[0]?.reason === "no-key");
    scene.relay.behave();
    scene.relay.cut(again.id);
    await again.hears("without");
  });
});
