/** A relay that cheats with what it brings again: after a cut, after a reload, with a member's help or without. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NO_HASH } from "../../../server/web/protocol/chain.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { assertTheyTalk, meet, meetMallory } from "./plot.js";

/** @param {any[]} messages Of the history. */
function changeHistory(/** @type {any} */ relay, /** @type {(messages: any[]) => any[]} */ change) {
  relay.down = (/** @type {any} */ told) => {
    if (told.event !== "ack join-session") return [told];
    return [{ ...told, data: { ...told.data, messages: change(told.data.messages) } }];
  };
}

/**
 * Let a member's first message be another one in the history, made only now, and nothing follow it.
 *
 * @param {any} relay
 * @param {import("./mallory.js").Mallory} mallory
 * @param {any} epoch
 * @param {{truncated: boolean}} how What the relay says of the rest.
 */
function anew(relay, mallory, epoch, { truncated }) {
  mallory.end = { number: 0, hash: NO_HASH };
  const message = mallory.message(epoch, { content: { text: "never said before" } });
  relay.down = (/** @type {any} */ told) => {
    if (told.event !== "ack join-session" || !told.data.messages) return [told];
    const { messages } = told.data;
    const isOfMallory = (/** @type {any} */ { from }) => from === mallory.id;
    const instead = { ...messages.find(isOfMallory), ...message };
    const rest = messages.filter((/** @type {any} */ one) => !isOfMallory(one));
    return [{ ...told, data: { ...told.data, truncated, messages: [instead, ...rest] } }];
  };
}

describe("a relay that cheats with the history", { concurrency: true }, () => {
  test("that rolls the history back after a reload is seen", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    for (const text of ["one", "two", "three"]) bob.session.sendText(text);
    await ann.hears("one", "two", "three");
    const keptOf = (/** @type {any} */ sender) =>
      ann.kept.chains?.find(([id]) => id.startsWith(sender.id))?.[1];
    await until(() => keptOf(bob)?.newest === 3);
    const id = ann.session.sendText("mine");
    await ann.has(id, "sent");
    await until(() => keptOf(ann)?.newest === 1);

    changeHistory(scene.relay, (messages) =>
      messages.filter(({ from }) => from === bob.id).slice(0, 2),
    );
    const again = await scene.company
      .restore(ann.vanish(), { url: scene.relay.url })
      .is("connected");

    const told = again.notices("rolled-back").map(({ memberId, count }) => [memberId, count]);
    assert.deepEqual(
      told.toSorted(),
      [
        [ann.id, 1],
        [bob.id, 1],
      ].toSorted(),
    );
    again.session.sendText("and on");
    await bob.hears("and on");
    assert.deepEqual(bob.alarms, [], "the own chain goes on where it was");
  });

  test("that brings an own message as if it were for nobody is refused, and nothing breaks", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    const id = ann.session.sendText("mine");
    await ann.has(id, "sent");
    await until(() => ann.kept.sender?.ends.length && ann.kept.epochs?.length);
    const again = await scene.company
      .restore(ann.vanish(), { url: scene.relay.url })
      .is("connected");
    const { messages } = await scene.relay.heard(ann.id, "ack join-session", (told) =>
      Boolean(told.messages?.length),
    );

    /** @type {unknown[]} */
    const uncaught = [];
    const note = (/** @type {unknown} */ error) => uncaught.push(error);
    process.on("uncaughtException", note);
    t.after(() => process.off("uncaughtException", note));

    scene.relay.say(ann.id, "new-message", { ...messages[0], to: {} });

    await until(() => again.alarms.includes("refused: forged"));
    await assertTheyTalk([again, bob]);
    assert.deepEqual(uncaught, []);
  });

  test("that leaves something out of the history is seen, also if it says truncated", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    scene.relay.cut(ann.id);
    await ann.is("reconnecting");
    for (const text of ["one", "two", "three", "four"]) bob.session.sendText(text);
    scene.relay.down = (told) => {
      if (told.event !== "ack join-session") return [told];
      const messages = told.data.messages.filter(
        (/** @type {any} */ _, /** @type {number} */ at) => at !== 2,
      );
      return [{ ...told, data: { ...told.data, messages, truncated: true } }];
    };

    await ann.hears("one", "two", "four");

    assert.equal((await ann.learns("missing")).count, 1);
  });

  test("that drops the first ones of before is seen by a newcomer, if it says that it has all", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    for (const text of ["one", "two", "three"]) bob.session.sendText(text);
    await ann.hears("three");
    changeHistory(scene.relay, (messages) => messages.slice(2));

    const cy = await (await scene.company.open("Cy", { url: scene.relay.url })).is("connected");

    const { memberId, count } = await cy.learns("missing");
    assert.deepEqual([memberId, count], [bob.id, 2]);
    scene.relay.behave();
    await cy.sees(ann, bob);
    await assertTheyTalk([cy, bob]);
    assert.deepEqual(cy.alarms, ["missing"]);
  });

  test("that drops all of one sender is seen by a newcomer", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    for (const text of ["one", "two", "three"]) bob.session.sendText(text);
    await ann.hears("three");
    changeHistory(scene.relay, () => []);

    const cy = await (await scene.company.open("Cy", { url: scene.relay.url })).is("connected");

    const { memberId, count } = await cy.learns("missing");
    assert.deepEqual([memberId, count], [bob.id, 3]);
  });

  test("cannot give one the place of another in the history", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, head: 60_000 } });
    const [ann, bob] = scene.people;
    for (const text of ["one", "two", "three"]) bob.session.sendText(text);
    await ann.hears("one", "two", "three");
    await until(() => ann.kept.epochs?.length);

    changeHistory(scene.relay, ([one, two, three]) => [two, three, one, three]);
    const again = await scene.company
      .restore(ann.vanish(), { url: scene.relay.url })
      .is("connected");

    assert.deepEqual(again.heard.toSorted(), ["one", "three", "two"]);
    assert.equal(again.message("one").isLate, true);
    assert.deepEqual(again.alarms, ["missing"]);
  });

  for (const truncated of [false, true]) {
    const how = truncated ? "though the rest is called trimmed" : "though the rest is withheld";

    test(`cannot help a member to have said something else before a reload, ${how}`, async (t) => {
      const { relay, company, mallory, ann } = await meetMallory(t);
      const epoch = mallory.epoch();
      await mallory.send(epoch, { content: { text: "I owe you" } });
      await mallory.send(epoch, { content: { text: "until Monday" } });
      await ann.hears("until Monday");
      await until(() => ann.kept.chains?.some((/** @type {any} */ [, one]) => one.newest === 2));

      anew(relay, mallory, epoch, { truncated });
      const again = await company.restore(ann.vanish(), { url: relay.url }).is("connected");

      assert.ok(again.alarms.includes("refused: forked"));
      assert.deepEqual(again.heard, []);
    });

    test(`cannot help who was removed to speak anew after a reload, ${how}`, async (t) => {
      const { relay, company, mallory, ann } = await meetMallory(t);
      const epoch = mallory.epoch();
      await mallory.send(epoch, { content: { text: "one" } });
      await mallory.send(epoch, { content: { text: "two" } });
      await ann.hears("one", "two");
      await ann.session.remove(mallory.id);
      await until(() => ann.kept.roster?.some((/** @type {any} */ one) => one.isRemoved));

      anew(relay, mallory, epoch, { truncated });
      const again = await company.restore(ann.vanish(), { url: relay.url }).is("connected");

      assert.ok(again.alarms.includes("refused: removed-member"));
      assert.deepEqual(again.heard, []);
    });
  }

  test("that brings what a removed member had said is heard after a reload", async (t) => {
    const { relay, company, mallory, ann } = await meetMallory(t);
    const epoch = mallory.epoch();
    for (const text of ["one", "two"]) await mallory.send(epoch, { content: { text } });
    await ann.hears("one", "two");
    await ann.session.remove(mallory.id);
    await until(() => ann.kept.roster?.some((/** @type {any} */ one) => one.isRemoved));

    const again = await company.restore(ann.vanish(), { url: relay.url }).is("connected");

    assert.deepEqual(again.heard, ["one", "two"]);
    assert.deepEqual(again.alarms, []);
  });
});
