/** A relay that says anything at all: nothing raises, nothing grows without bound, honest messages still come. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Identity, MemoryChunks } from "../../../server/web/hushwire.js";
import { toBase64url } from "../../../server/web/protocol/bytes.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { assertTheyTalk, meet } from "./plot.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const state = { next: Number(process.env.seed ?? Date.now() % 1_000_000) };
process.stdout.write(`seed=${state.next}\n`);

/** @param {number} below */
function random(below) {
  state.next = (Math.imul(state.next, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state.next / 2 ** 32) * below);
}

const VALUES = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 53),
  1e308,
  "",
  "all",
  "?",
  "A".repeat(32),
  "__proto__",
  "constructor",
  "\u0000\ud800",
  "x".repeat(100_000),
  [],
  {},
  [[]],
  [null],
  { toString: 1, length: 2 ** 32 },
  JSON.parse('{"__proto__": {"isRemoved": true}, "constructor": null}'),
  JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`),
];

/**
 * Something like a value that was heard, but not quite.
 *
 * @param {any} value
 * @param {number} [depth]
 * @returns {any}
 */
function bent(value, depth = 0) {
  if (random(4) === 0 || depth > 6) return VALUES[random(VALUES.length)];
  if (Array.isArray(value)) {
    const some = value.map((one) => (random(3) === 0 ? bent(one, depth + 1) : one));
    return random(4) === 0 ? [...some, ...some, VALUES[random(VALUES.length)]] : some;
  }
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).filter(() => random(8) > 0);
    const changed = fields.map(([name, one]) => [
      name,
      random(3) === 0 ? bent(one, depth + 1) : one,
    ]);
    return Object.fromEntries(changed);
  }
  if (typeof value === "string" && value.length > 0 && random(2) === 0) {
    const at = random(value.length);
    return value.slice(0, at) + "A" + value.slice(at + random(3));
  }
  return value;
}

function heapBytes() {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
}

const PATIENT = { pace: { ...QUICK, head: 60_000 } };

describe("a relay that talks nonsense", { concurrency: true }, () => {
  test("is heard out, whatever it says in whatever event", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    await bob.session.sendFile(new File(["abc"], "small"), { place: "p" });
    bob.session.sendText("to Ann", ann.id);
    await ann.hears("to Ann", "small");
    const examples = scene.relay.told.filter(
      ({ who, event }) => who === ann.id && !event.startsWith("ack "),
    );
    const more = [
      ["user-left", { userId: bob.id, reason: "left", timestamp: 1, seq: 4 }],
      ["user-typing", { userId: bob.id, isTyping: true }],
      ["download-notification", { downloadedBy: bob.id, fileName: "x", timestamp: 1 }],
      ["session-locked", { locked: true, timestamp: 1 }],
      ["session-error", { error: "rate_limited", message: "x", retryAfterMs: 5 }],
    ].map(([event, data]) => ({ event, data }));

    const all = [...examples, ...more];
    for (let count = 0; count < 3_000; count++) {
      const { event, data } = all[random(all.length)];
      const told = bent(data);
      // That one ends the session, as it may.
      const isEnd =
        event === "session-error" && ["removed", "session_expired"].includes(told?.error);
      if (!isEnd) scene.relay.say(ann.id, event, told);
      if (count % 500 === 0) {
        bob.session.sendText(`honest ${count}`);
        await ann.hears(`honest ${count}`);
      }
    }

    scene.relay.cut(ann.id);
    await until(() => ann.states.at(-1).state === "reconnecting");
    await ann.is("connected");
    await ann.sees(bob);
    await assertTheyTalk(scene.people);
    assert.ok(ann.entries.size < 2_000, `${ann.entries.size} entries`);
    assert.ok(ann.session.people.length < 10);
  });

  test("is heard out when all its answers are nonsense, and comes right when they are right", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], PATIENT);
    const [ann, bob] = scene.people;
    let count = 0;
    scene.relay.down = (told) => {
      if (!told.event.startsWith("ack ")) return [told];
      count++;
      const data = bent(told.data);
      // A refusal for good is one, and ends or fails what was asked.
      const isLasting = typeof data?.error === "string" || data?.success !== true;
      const passing = {
        success: false,
        error: "rate_limited",
        message: bent("x"),
        retryAfterMs: bent(1),
      };
      return [{ ...told, data: isLasting ? { ...passing, retryAfterMs: 1 } : data }];
    };

    for (let round = 0; round < 3; round++) {
      const id = ann.session.sendText(`text ${round}`);
      await until(() => ann.entry(id).status !== "sending");
      await ann.session.setTyping(true);
      await ann.session.rename(`Ann ${round}`).catch(() => {});
      scene.relay.cut(ann.id);
      await until(() => ann.state === "reconnecting");
      await ann.is("connected");
    }
    scene.relay.behave();
    scene.relay.cut(ann.id);
    await until(() => ann.state === "reconnecting");
    await ann.is("connected");

    assert.ok(count > 9);
    await ann.sees(bob);
    await assertTheyTalk(scene.people);
  });

  test("that asks for patience until the end of time is asked again before", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], PATIENT);
    const [ann, bob] = scene.people;
    const waits = [2 ** 53, -5, "soon", null, Number.MIN_VALUE, [], {}];
    let count = 0;
    scene.relay.down = (told) => {
      if (told.event !== "ack send-message" || count >= 2) return [told];
      const retryAfterMs = waits[count + 3];
      count += 1;
      return [{ ...told, data: { success: false, error: "rate_limited", retryAfterMs } }];
    };

    const id = ann.session.sendText("patience");
    await ann.has(id, "sent");

    await bob.hears("patience");
    assert.ok(scene.relay.asked.filter(({ data }) => data.id === id).length < 10, "no hot loop");
  });

  test("that sends what is no packet is left and come back to", async (t) => {
    const { relay, company, people } = await meet(t, ["Ann"], PATIENT);
    const hearers = await Promise.all(
      ["Bob", "Cy", "Dan", "Eve", "Fay"].map((name) => company.open(name, { url: relay.url })),
    );
    for (const one of hearers) await one.is("connected");
    await people[0].sees(...hearers);
    const frames = [
      "",
      "4",
      "42",
      "42[",
      '42["new-message"]',
      '42["new-message",1,2,3]',
      "42[1]",
      "42{}",
      '42["disconnect","x"]',
      '451-["signal",{"_placeholder":true,"num":7}]',
      '459999999999-["signal",{"_placeholder":true,"num":0}]',
      "43999[{}]",
      "44{}",
      '0{"sid":"x","upgrades":[],"pingInterval":1,"pingTimeout":1}',
      "1",
      "2",
      "9",
      new Uint8Array([1, 2, 3]),
      "x".repeat(100_000),
    ];

    /** @param {any} hearer @param {number} nth */
    const bear = async (hearer, nth) => {
      for (let at = nth; at < frames.length; at += hearers.length) {
        relay.sendFrame(hearer.id, frames[at]);
        people[0].session.sendText(`after ${at}`);
        await hearer.hears(`after ${at}`);
      }
    };
    await Promise.all(hearers.map(bear));
  });
});

describe("a relay that sends more and more", () => {
  test("cannot fill the memory with members", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], PATIENT);
    const [ann] = scene.people;
    const { data: honest } = /** @type {any} */ (
      scene.relay.told.findLast(({ event }) => event === "public-keys-updated")
    );
    const crowd = (
      /** @type {number} */ round,
      /** @type {number} */ count,
      /** @type {string} */ publicKey,
    ) =>
      Array.from({ length: count }, (_, at) => ({
        userId: toBase64url(
          new Uint8Array(24)
            .fill(round)
            .with(0, at % 256)
            .with(1, at >> 8),
        ),
        publicKey,
        joinedAt: 1,
      }));
    const before = heapBytes();

    for (let round = 1; round < 6; round++) {
      const others = round === 1 ? crowd(1, 100_000, "x") : crowd(round, 200, honest[0].publicKey);
      scene.relay.say(ann.id, "public-keys-updated", [...honest, ...others]);
      await until(() => ann.session.people.length > 200);
      assert.ok(ann.session.people.length <= 10_000);
      scene.relay.say(ann.id, "public-keys-updated", honest);
      await until(() => ann.session.people.length === 2);
    }

    assert.ok(ann.entries.size < 500, `${ann.entries.size}`);
    assert.ok(heapBytes() - before < 20e6, `${heapBytes() - before} bytes`);
    await assertTheyTalk(scene.people);
  });

  test("cannot fill the memory with messages, neither of strangers nor forged", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], PATIENT);
    const [ann, bob] = scene.people;
    bob.session.sendText("honest");
    await ann.hears("honest");
    const honest = await scene.relay.heard(ann.id, "new-message");
    const strangers = Array.from({ length: 50 }, () => Identity.create().id);
    const before = heapBytes();

    for (let count = 0; count < 6_000; count++) {
      const from = strangers[count % strangers.length];
      const id = toBase64url(new Uint8Array(16).with(0, count % 256).with(1, count >> 8));
      const lies = [
        { ...honest, id, from },
        { ...honest, id, encrypted: "A".repeat(10_000) },
      ];
      scene.relay.say(ann.id, "new-message", lies[count % 2]);
    }
    bob.session.sendText("still honest");
    await ann.hears("still honest");

    assert.ok(ann.entries.size < 1_500, `${ann.entries.size} entries`);
    const forged = ann.notices("forged").reduce((sum, { count }) => sum + count, 0);
    assert.ok(forged > 4_000, "what is not shown one by one is counted");
    ann.told.length = 0;
    scene.relay.told.length = 0;
    assert.ok(heapBytes() - before < 30e6, `${heapBytes() - before} bytes`);
    await assertTheyTalk(scene.people);
  });

  test("cannot fill the memory with what waits to be looked at", async (t) => {
    const scene = await meet(t, ["Ann"], PATIENT);
    const [ann] = scene.people;
    /** A store that takes its time, while all that comes behind has to wait. */
    let release = () => {};
    let isHeld = false;
    const chunks = new (class extends MemoryChunks {
      /** @param {any[]} args */
      async put(...args) {
        isHeld = true;
        await new Promise((resolve) => {
          release = () => resolve(null);
        });
        return super.put(.../** @type {[string, number, Uint8Array]} */ (args));
      }
    })();
    const bob = await (await scene.company.open("Bob", { url: scene.relay.url, chunks })).is(
      "connected",
    );
    await ann.sees(bob);
    await ann.session.sendFile(new File(["abc"], "small"), { place: "p" });
    const { id } = (await until(() => bob.message("small"))).content.file;
    await bob.session.fetchFile(id);
    const honest = await scene.relay.heard(bob.id, "new-message");
    await until(() => isHeld);

    const large = { ...honest, encrypted: "A".repeat(1_900_000) };
    for (let count = 0; bob.state === "connected" && count < 100; count++) {
      scene.relay.say(bob.id, "new-message", large);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => bob.states.some(({ state: one }) => one === "reconnecting"));
    ann.session.sendText("honest");
    release();

    await bob.hears("honest");
    assert.ok(bob.entries.size < 20, `${bob.entries.size} entries`);
  });
});
