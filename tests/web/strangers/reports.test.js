/** What a report about a stranger shows, and proves. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkEvidence } from "../../../server/web/protocol/strangers/evidence.js";
import { Circle } from "./circle.js";

/** The server takes no more. */
const EVIDENCE_BYTES = 32 * 1024;

describe("a report", () => {
  test("proves the messages that are shown, and opens no other", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    for (const text of ["one", "something bad", "three"]) ann.group.send(text);
    await bob.hears("one", "something bad", "three");
    const bad = bob.messages.find(({ content }) => content?.text === "something bad");
    const evidence = JSON.parse(JSON.stringify(bob.group.evidence(ann.userId, [bad.id])));

    const [shown, ...others] = checkEvidence(evidence, circle.id, ann.userId);
    assert.deepEqual([shown.content, shown.number, others], [{ text: "something bad" }, 2, []]);
    const all = bob.group.evidence(ann.userId);
    assert.deepEqual(
      checkEvidence(all, circle.id, ann.userId).map(({ isNext }) => isNext),
      [false, true, true],
    );
    const swapped = {
      ...evidence,
      messages: [{ ...all?.messages[0], key: evidence.messages[0].key }],
    };
    assert.throws(() => checkEvidence(swapped, circle.id, ann.userId), { name: "ForgedError" });
  });

  test("has nothing to show of who has said nothing", async (t) => {
    const [ann, bob] = await new Circle(t).gather("Ann", "Bob");

    assert.equal(bob.group.evidence(ann.userId), null);
  });

  test("shows the newest of more than it can hold, and how many it leaves out", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const texts = Array.from({ length: 40 }, (_, at) => `insult ${at}`);
    for (const text of texts) bob.group.send(text);
    await ann.hears(...texts);
    const evidence = ann.group.evidence(bob.userId);
    const shown = checkEvidence(evidence, circle.id, bob.userId).map(({ content }) => content.text);

    assert.deepEqual(shown, texts.slice(-shown.length));
    assert.equal(evidence?.leftOut, texts.length - shown.length);
    const size = JSON.stringify(evidence).length;
    assert.ok(size <= EVIDENCE_BYTES && size > EVIDENCE_BYTES - 1_000, `${size} bytes`);
  });

  test("shows shorter messages where a long one has no room", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const long = "🐤".repeat(7_000);
    for (const text of ["short", long, "last"]) bob.group.send(text);
    await ann.hears("short", long, "last");
    const [, { id }] = ann.messages;
    const evidence = ann.group.evidence(bob.userId);
    const shown = checkEvidence(evidence, circle.id, bob.userId).map(({ content }) => content.text);

    assert.deepEqual([shown, evidence?.leftOut], [["short", "last"], 1]);
    assert.equal(ann.group.evidence(bob.userId, [id]), null);
  });

  test("holds for words under either key of somebody whose new one was believed", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    bob.group.send("before");
    await ann.hears("before");
    circle.leave(bob);
    const again = circle.join("Bob");
    await ann.sees("key-changed");
    ann.group.trust(again.userId);
    again.group.send("after");
    await ann.hears("after");
    const [before] = ann.messages;

    for (const [ids, text, leftOut] of [
      [null, "after", 1],
      [[before.id], "before", 0],
    ]) {
      const evidence = ann.group.evidence(bob.userId, ids);
      const shown = checkEvidence(evidence, circle.id, bob.userId);
      assert.deepEqual(
        [shown.map(({ content }) => content.text), evidence?.leftOut],
        [[text], leftOut],
      );
    }
  });
});
