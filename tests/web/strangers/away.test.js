/** A lost connection in a group of strangers: what is missed, and what is still to be said. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OfflineError, RelayError } from "../../../server/web/client/relay.js";
import { until } from "../scene/until.js";
import { Circle } from "./circle.js";

const BUSY = { code: "rate_limited", message: "", retryAfterMs: 30 };

describe("after a lost connection", () => {
  test("what was said while one was away comes later, once, and so does what one said", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.group.send("one");
    await bob.hears("one");
    bob.lose();
    ann.group.send("two");
    await ann.isSettled();
    const cy = circle.join("Cy");
    await cy.hearsOf(ann);
    ann.group.send("three");
    const id = bob.group.send("from afar");
    await cy.hears("three");
    await bob.comeBack();
    await bob.hears("one", "two", "three");
    await bob.has(id, "sent");
    await ann.hears("from afar");
    await cy.hears("from afar");

    assert.deepEqual(bob.heard, ["one", "two", "three"]);
    assert.deepEqual(
      [ann, bob, cy].map(({ alarms }) => alarms),
      [[], [], []],
    );
  });

  test("a message of which the answer was lost is not said twice", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.group.send("warm up");
    await bob.hears("warm up");
    const ask = ann.ask.bind(ann);
    ann.ask = async (event, payload) => {
      await ask(event, payload); // The relay has it, and its answer is lost.
      ann.ask = ask;
      ann.lose();
      return ann.ask(event, payload);
    };
    const id = ann.group.send("only once");
    await bob.hears("only once");
    await ann.comeBack();
    await ann.has(id, "sent");
    ann.group.send("and on");
    await bob.hears("and on");

    assert.deepEqual(bob.heard, ["warm up", "only once", "and on"]);
    assert.deepEqual(bob.alarms, []);
  });

  for (const [how, error] of [
    ["is not answered", () => new OfflineError("there was no answer")],
    ["comes too soon", () => new RelayError(BUSY)],
  ]) {
    test(`what was missed is asked for again if the first time ${how}`, async (t) => {
      const circle = new Circle(t);
      const [ann, bob] = await circle.gather("Ann", "Bob");
      ann.lose();
      bob.group.send("missed");
      await bob.isSettled();
      const ask = ann.ask.bind(ann);
      ann.ask = async (event, ...rest) => {
        if (event !== "get_group_messages") return ask(event, ...rest);
        ann.ask = ask;
        bob.group.send("meanwhile");
        await bob.isSettled();
        throw error();
      };
      const id = ann.group.send("still here");
      await ann.comeBack();
      await ann.has(id, "sent");
      await bob.hears("still here");

      assert.deepEqual(ann.heard, ["missed", "meanwhile"]);
      assert.deepEqual([ann.group.state, ann.alarms], ["open", []]);
    });
  }

  test("a second one, while the first is being made good, loses nothing", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.lose();
    bob.group.send("one");
    await bob.isSettled();
    const ask = ann.ask.bind(ann);
    let giveUp = (/** @type {Error} */ _) => {};
    ann.ask = (event) =>
      new Promise((_, reject) => {
        assert.equal(event, "get_group_messages");
        giveUp = reject;
      });
    const first = ann.comeBack();
    bob.group.send("two");
    await bob.isSettled();
    ann.lose();
    bob.group.send("three");
    await bob.isSettled();
    ann.ask = ask;
    const second = ann.comeBack();
    bob.group.send("four");
    giveUp(new RelayError({ code: "not_found", message: "", retryAfterMs: undefined }));
    await Promise.all([first, second]);
    await ann.hears("four");

    assert.deepEqual(ann.heard, ["one", "two", "three", "four"]);
    assert.deepEqual([ann.group.state, ann.alarms], ["open", []]);
  });

  test("who came and went meanwhile is told of by the difference", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const before = ann.notices().length;
    ann.lose();
    circle.leave(bob);
    circle.join("Cy");
    await ann.comeBack();

    assert.deepEqual(
      ann
        .notices()
        .map(({ code, memberId }) => [code, memberId])
        .slice(before),
      [
        ["arrived", "u-Cy"],
        ["left", "u-Bob"],
      ],
    );
    assert.deepEqual(ann.alarms, []);
  });

  test("whom the relay knows no more is out", async (t) => {
    const circle = new Circle(t);
    const [ann] = await circle.gather("Ann", "Bob");
    ann.lose();
    circle.leave(ann);
    ann.isOnline = true;
    await ann.group.up();

    assert.deepEqual(ann.states.at(-1), { state: "ended", reason: "lost" });
  });
});

describe("a group ends", () => {
  for (const [told, reason] of [
    ["expired", "expired"],
    ["removed", "removed"],
    ["signed_out", "signed_out"],
    ["a joke", "expired"],
  ]) {
    test(`as ${reason} where the relay says ${told}`, async (t) => {
      const ann = new Circle(t).join("Ann");
      ann.hear("group_closed", { reason: told });
      await until(() => ann.states.length > 0);

      assert.deepEqual(ann.states, [{ state: "ended", reason }]);
    });
  }
});
