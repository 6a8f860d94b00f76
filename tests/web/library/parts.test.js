/** Parts of the library that decide by themselves: chains, gaps, bytes, padding, names, epochs. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { Chains } from "../../../server/web/client/chains.js";
import { Emitter } from "../../../server/web/client/emitter.js";
import { Epochs } from "../../../server/web/client/epochs.js";
import { Notices } from "../../../server/web/client/notices.js";
import { SignalNumbers } from "../../../server/web/client/numbers.js";
import { WorkQueue } from "../../../server/web/client/queue.js";
import { Roster } from "../../../server/web/client/roster.js";
import { Identity, Link, MalformedError, nameProblem } from "../../../server/web/hushwire.js";
import {
  fromBase64url,
  fromU64,
  pack,
  toBase64url,
  u64,
  unpack,
  unpackAll,
} from "../../../server/web/protocol/bytes.js";
import { makeCard, readCard } from "../../../server/web/protocol/card.js";
import { Chain, NO_HASH } from "../../../server/web/protocol/chain.js";
import { Gaps } from "../../../server/web/protocol/gaps.js";
import { memberIdOf } from "../../../server/web/protocol/identity.js";
import { pad, unpad } from "../../../server/web/protocol/primitives.js";
import { until } from "../scene/until.js";

const { seed } = process.env;
/** Random numbers that can be had again: `seed=… node …`. */
const random = generator(Number(seed ?? Date.now() % 1_000_000));

/** @param {number} state */
function generator(state) {
  process.stdout.write(`seed=${state}\n`);
  let next = state;
  return (/** @type {number} */ below) => {
    next = (Math.imul(next, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((next / 2 ** 32) * below);
  };
}

/**
 * A sender's messages: each names the one before.
 *
 * @param {number} count
 * @param {number} [flavour] Another one makes other messages.
 */
function messages(count, flavour = 0) {
  const hashOf = (/** @type {number} */ number) =>
    number === 0 ? NO_HASH : new Uint8Array(32).fill(flavour + 1).with(0, number % 256);
  return Array.from({ length: count }, (_, at) => ({
    number: at + 1,
    hash: hashOf(at + 1),
    previous: hashOf(at),
  }));
}

describe("a chain", () => {
  test("takes messages in order, and misses nothing", () => {
    const chain = new Chain();

    for (const link of messages(100)) {
      assert.deepEqual(chain.take(link, 1), { place: "next", missing: 0 });
    }
    assert.equal(chain.newest, 100);
    assert.deepEqual(chain.gaps, []);
  });

  test("starts where it is first seen, unless it is told that it was for us before", () => {
    const all = messages(9);
    assert.deepEqual(new Chain().take(all[4], 0), { place: "next", missing: 0 });
    assert.deepEqual(new Chain().take(all[4], 5), { place: "next", missing: 0 });
    assert.deepEqual(new Chain().take(all[4], 3), { place: "next", missing: 2 });

    const later = new Chain();
    later.take(all[4], 0);
    later.take(all[2], 0);
    assert.equal(later.startAt(1), 3);
    assert.equal(later.startAt(1), 0);
    assert.deepEqual(later.gaps, [
      { first: 1, last: 2 },
      { first: 4, last: 4 },
    ]);
  });

  test("tells messages that come late from such as are told again", () => {
    const chain = new Chain();
    const all = messages(9);
    chain.take(all[0], 1);

    assert.deepEqual(chain.take(all[4], 0), { place: "next", missing: 3 });
    assert.equal(chain.take(all[2], 0).place, "late");
    assert.equal(chain.take(all[2], 0).place, "repeated");
    assert.equal(chain.take(all[4], 0).place, "repeated");
    assert.deepEqual(chain.gaps, [
      { first: 2, last: 2 },
      { first: 4, last: 4 },
    ]);
  });

  test("knows a fork at both ends of a gap, and at a number that it has", () => {
    const [all, others] = [messages(9), messages(9, 7)];
    const chain = new Chain();
    chain.take(all[0], 1);
    chain.take(all[4], 0);

    assert.equal(chain.take(others[4], 0).place, "forked");
    assert.equal(chain.take(others[5], 0).place, "forked");
    assert.equal(chain.take(others[3], 0).place, "forked");
    assert.equal(chain.take(others[1], 0).place, "forked");
    assert.equal(chain.take({ ...others[0], number: 1 }, 0).place, "forked");
    assert.equal(chain.take(all[3], 0).place, "late");
    assert.equal(new Chain().take({ ...others[1], number: 1 }, 0).place, "forked");
  });

  test("knows by its sender's word what is still to come, and waits only so long", () => {
    const chain = new Chain();
    const all = messages(9);

    assert.equal(chain.compare(2, all[1].hash), "behind");
    assert.equal(chain.giveUp(2), 2);
    assert.equal(chain.giveUp(2), 0);
    assert.equal(chain.take(all[2], 0).missing, 0);
    assert.equal(chain.take(all[0], 0).place, "late");
    assert.equal(chain.compare(3, all[2].hash), "same");
    assert.equal(chain.compare(3, all[8].hash), "forked");
    assert.equal(chain.compare(3, all[8].hash), "same", "a fork is told of once");
    assert.equal(chain.compare(2, all[8].hash), "ahead");
  });

  test("takes after a reload what it had before, and no other in its place", () => {
    const [all, others] = [messages(30), messages(30, 7)];
    const before = new Chain();
    for (const link of all) before.take(link, 1);
    const chain = new Chain();
    chain.remember(JSON.parse(JSON.stringify(before.marks(20))));

    assert.equal(chain.take(others[10], 0).place, "forked");
    assert.equal(chain.take(others[29], 0).place, "forked");
    assert.equal(chain.has(11, all[10].hash), true);
    assert.equal(chain.has(11, others[10].hash), false);
    assert.equal(chain.has(10, all[9].hash), false, "of many the newest are known");
    assert.equal(chain.take(all[10], 0).place, "next");
    assert.deepEqual(chain.marks(20), before.marks(20));
  });

  test("has no trouble with a leap by 2^53", () => {
    const chain = new Chain();
    const far = { number: Number.MAX_SAFE_INTEGER, hash: NO_HASH, previous: NO_HASH };

    chain.take(messages(1)[0], 1);
    assert.equal(chain.take(far, 1).missing, Number.MAX_SAFE_INTEGER - 2);
    assert.equal(chain.take(messages(2)[1], 0).place, "late");
    assert.equal(chain.giveUp(Number.MAX_SAFE_INTEGER), 0);
  });

  test("in any order, with repeats and losses, counts what has come and what has not", () => {
    for (let round = 0; round < 300; round++) {
      const all = messages(1 + random(40));
      const came = Array.from({ length: random(80) }, () => all[random(all.length)]);
      const chain = new Chain();
      const seen = new Set();
      let missing = 0;
      for (const link of came) {
        const told = chain.take(link, 1);
        assert.equal(told.place === "repeated", seen.has(link.number));
        seen.add(link.number);
        missing += told.missing - (told.place === "late" ? 1 : 0);
      }
      const newest = Math.max(0, ...seen);
      const absent = all.filter(({ number }) => number < newest && !seen.has(number));
      assert.equal(missing, absent.length);
      const inGaps = chain.gaps.reduce((sum, { first, last }) => sum + last - first + 1, 0);
      assert.equal(inGaps, absent.length);
      assert.equal(chain.newest, newest);
    }
  });

  test("of a hundred thousand messages takes each as fast as the first", () => {
    const chain = new Chain();
    const take = (/** @type {number} */ first, /** @type {number} */ last) => {
      const start = process.cpuUsage();
      for (let number = first; number <= last; number++) {
        chain.take({ number: number * 2, hash: NO_HASH, previous: NO_HASH }, 1);
      }
      return process.cpuUsage(start).user / 1_000;
    };
    take(1, 10_000); // From here on it forgets as many as come.
    const earlyMs = take(10_001, 50_000);
    const lateMs = take(50_001, 90_000);
    assert.ok(lateMs < 4 * earlyMs + 100, `first ${earlyMs} ms, then ${lateMs} ms`);
  });
});

describe("chains of many senders", () => {
  const ann = "A".repeat(32);
  const everybody = new Uint8Array(0);

  /** @param {(chains: Chains) => void} [before] */
  function missingBeforeTheThird(before) {
    /** @type {[string, number][]} */
    const told = [];
    const chains = new Chains((code, _, count) => told.push([code, count]));
    before?.(chains);
    chains.take(ann, everybody, messages(3)[2], { from: 0, isTrimmed: false });
    return told;
  }

  test("begin with number 1, unless the relay has told that it has not all", () => {
    assert.deepEqual(missingBeforeTheThird(), [["missing", 2]]);
    assert.deepEqual(
      missingBeforeTheThird((chains) => chains.trim([])),
      [],
    );
  });

  test("begin anywhere if something of the sender was let go", () => {
    assert.deepEqual(
      missingBeforeTheThird((chains) => chains.letGo(ann)),
      [],
    );
  });
});

describe("gaps", () => {
  test("are split and filled by what comes", () => {
    const gaps = new Gaps();
    gaps.add({ first: 5, last: 9 });
    gaps.add({ first: 20, last: 20 });
    gaps.add({ first: 1, last: 2 });

    for (const number of [7, 20, 1, 100, 7]) gaps.fill(number);

    assert.deepEqual(gaps.all, [
      { first: 2, last: 2 },
      { first: 5, last: 6 },
      { first: 8, last: 9 },
    ]);
    assert.deepEqual([gaps.has(8), gaps.has(7), gaps.has(20)], [true, false, false]);
  });

  test("are bounded, and of too many the lowest go", () => {
    const gaps = new Gaps();
    for (let first = 1; first < 5_000; first += 2) gaps.add({ first, last: first });

    assert.equal(gaps.all.length, 1_000);
    assert.equal(gaps.all.at(-1)?.last, 4_999);
  });
});

describe("bytes", () => {
  test("come back from base64url, and have one text only", () => {
    for (let length = 0; length < 70; length++) {
      const bytes = Uint8Array.from({ length }, () => random(256));
      const text = toBase64url(bytes);
      assert.equal(text, Buffer.from(bytes).toString("base64url"));
      assert.deepEqual(fromBase64url(text), bytes);
    }
    for (const text of ["A", "AAAAA", "AB", "AAB", "A=", "AA==", "A A", "AA\n", "A+", "A/", "ä"]) {
      assert.throws(() => fromBase64url(text), MalformedError, text);
    }
  });

  test("come apart as they were packed, and in no other way", () => {
    for (let round = 0; round < 200; round++) {
      const fields = Array.from({ length: random(6) }, () =>
        Uint8Array.from({ length: random(40) }, () => random(256)),
      );
      const whole = pack(...fields);
      assert.deepEqual(unpackAll(whole).map(toBase64url), fields.map(toBase64url));
      assert.throws(() => unpack(whole, fields.length + 1), MalformedError);
      if (whole.length > 0) assert.throws(() => unpack(whole.subarray(1), fields.length));
    }
    assert.throws(() => unpackAll(new Uint8Array([255, 255, 255, 255, 1])), MalformedError);
    assert.throws(() => unpackAll(new Uint8Array([0, 0])), MalformedError);
  });

  test("of numbers are eight, up to 2^53", () => {
    for (const value of [0, 1, 255, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      assert.equal(fromU64(u64(value)), value);
    }
    assert.throws(() => u64(-1), RangeError);
    assert.throws(() => u64(2 ** 53), RangeError);
    assert.throws(() => fromU64(new Uint8Array(8).fill(255)), MalformedError);
    assert.throws(() => fromU64(new Uint8Array(7)), MalformedError);
  });

  test("are padded to steps that hide their length, and come back", () => {
    const steps = new Set();
    for (let length = 0; length < 100_000; length += 1 + random(97)) {
      const padded = pad(new Uint8Array(length).fill(0x80), 256);
      steps.add(padded.length);
      assert.equal(unpad(padded).length, length);
    }
    const expected = [256, 512, 1_024, 2_048, 4_096, 8_192, 16_384];
    assert.deepEqual([...steps].slice(0, 9), [...expected, 32_768, 49_152]);
    assert.throws(() => unpad(new Uint8Array(256)), MalformedError);
    assert.throws(() => unpad(new Uint8Array(0)), MalformedError);
  });
});

describe("names", () => {
  test("are refused with the reason", () => {
    const reasons = /** @type {[string, string | null][]} */ ([
      ["Ann", null],
      ["  Ann  ", null],
      ["Ann Łódź 🌊", null],
      ["x".repeat(64), null],
      ["😀".repeat(64), null],
      ["", "empty"],
      [" \u3000\t", "empty"],
      ["x".repeat(65), "long"],
      ["👩‍👩‍👧‍👧".repeat(16), "long"],
      ["a\u0000b", "control"],
      ["a\nb", "control"],
      ["a\u2028b", "control"],
      ["\ud800", "control"],
    ]);
    for (const [name, reason] of reasons) assert.equal(nameProblem(name), reason, name);
  });
});

describe("cards", () => {
  const identity = Identity.create();
  const link = Link.create(identity.memberId);

  test("tell the name and the keys to whom has the link", () => {
    const card = readCard(link, makeCard(link, identity, "Ann", 7), identity.id);

    assert.deepEqual([card.id, card.name, card.madeMs], [identity.id, "Ann", 7]);
    assert.deepEqual(card.boxKey, identity.boxKey);
  });

  test("are refused when any byte of them is another", () => {
    const bytes = fromBase64url(makeCard(link, identity, "Ann", 7));
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.with(at, bytes[at] ^ (1 + random(255)));
      assert.throws(() => readCard(link, toBase64url(changed)), `byte ${at}`);
    }
    for (const other of [null, 7, {}, "", "?", "AAAA", "A".repeat(16_000)]) {
      assert.throws(() => readCard(link, other));
    }
  });

  test("with a box key of small order are refused: everybody would share its secrets", () => {
    for (const boxKey of [new Uint8Array(32), new Uint8Array(32).with(0, 1)]) {
      const low = Object.create(identity, {
        boxKey: { value: boxKey },
        memberId: { value: memberIdOf(identity.signKey, boxKey) },
        sign: { value: (/** @type {Uint8Array} */ message) => identity.sign(message) },
      });
      const text = makeCard(link, low, "Mallory", 7);
      assert.throws(() => readCard(link, text), /gives no secret/);
    }
  });
});

describe("a roster", () => {
  const NOW_MS = 1_000_000;
  const WINDOW_MS = 120_000;
  const [ann, bob] = [Identity.create(), Identity.create()];
  const link = Link.create(ann.memberId);

  /** @param {Identity[]} present */
  function listOf(...present) {
    return present.map((one) => {
      const publicKey = makeCard(link, one, "somebody", 1);
      return { userId: one.id, publicKey, displayName: "", joinedAt: NOW_MS };
    });
  }

  /** Of Ann, who has seen Bob. */
  function roster() {
    const one = new Roster(link, ann.id);
    one.update(listOf(ann, bob), NOW_MS);
    return one;
  }

  /** @param {Roster} one @param {number} nowMs */
  const isReader = (one, nowMs) => one.recipients(null, nowMs).some(({ id }) => id === bob.id);

  test("keeps who is lost among the readers for two minutes, and shows it as away", () => {
    const one = roster();
    one.setAbsent(bob.id, true, NOW_MS);
    one.update(listOf(ann), NOW_MS + 1);

    assert.equal(one.get(bob.id)?.isPresent, false);
    assert.equal(isReader(one, NOW_MS + WINDOW_MS - 1), true);
    assert.equal(isReader(one, NOW_MS + WINDOW_MS), false);
  });

  test("does not prolong that for who is told to be lost again", () => {
    const one = roster();
    one.setAbsent(bob.id, true, NOW_MS);
    one.setAbsent(bob.id, true, NOW_MS + WINDOW_MS - 1);

    assert.equal(isReader(one, NOW_MS + WINDOW_MS), false);
  });

  test("has no readers that have left, or were removed, lost before or not", () => {
    for (const isLostBefore of [false, true]) {
      const [left, removed] = [roster(), roster()];
      if (isLostBefore) for (const one of [left, removed]) one.setAbsent(bob.id, true, NOW_MS);
      left.setAbsent(bob.id, false, NOW_MS);
      removed.remove(bob.id, NOW_MS);

      assert.equal(isReader(left, NOW_MS), false);
      assert.equal(isReader(removed, NOW_MS), false);
    }
  });

  test("counts anew for who has come back and left", () => {
    const one = roster();
    one.setAbsent(bob.id, true, NOW_MS);
    one.update(listOf(ann, bob), NOW_MS + 1);
    one.update(listOf(ann), NOW_MS + 2);

    assert.equal(isReader(one, NOW_MS + 2), false);
  });
});

describe("epochs", () => {
  /** @param {Epochs} epochs @param {Identity} identity @param {import("../../../server/web/protocol/card.js").Card[]} cards */
  const use = (epochs, identity, cards, audience = null) => {
    let number = 0;
    assert.ok(identity);
    return (/** @type {number} */ nowMs, readers = cards) => {
      const { epoch, keys } = epochs.forNext(audience, readers, ++number, nowMs);
      epochs.settle(audience, epoch.epochId);
      return { id: toBase64url(epoch.epochId), keyBytes: keys.length };
    };
  };

  /** @param {number} count */
  function company(count) {
    const identities = Array.from({ length: count }, () => Identity.create());
    const link = Link.create(identities[0].memberId);
    const cards = identities.map((one) => readCard(link, makeCard(link, one, "somebody", 1)));
    return { link, identities, cards };
  }

  test("change after a hundred messages, after an hour, and with their readers", () => {
    const { link, identities, cards } = company(3);
    const next = use(new Epochs(link, identities[0]), identities[0], cards);

    const first = Array.from({ length: 100 }, () => next(0));
    assert.equal(new Set(first.map(({ id }) => id)).size, 1);
    const second = next(0);
    assert.notEqual(second.id, first[0].id);
    assert.equal(next(3_599_999).id, second.id);
    const third = next(3_600_000);
    assert.notEqual(third.id, second.id);
    const fourth = next(3_600_000, cards.slice(0, 2));
    assert.notEqual(fourth.id, third.id);
    assert.notEqual(next(3_600_000, cards).id, third.id);
    assert.ok(fourth.keyBytes < third.keyBytes);
  });

  test("bring their keys with the first message only, and again until it has arrived", () => {
    const { link, identities, cards } = company(2);
    const epochs = new Epochs(link, identities[0]);

    const sent = [1, 1, 2].map((number) => epochs.forNext(null, cards, number, 0));
    assert.ok(sent.every(({ keys }) => keys.length > 0));
    epochs.settle(null, sent[0].epoch.epochId);
    assert.equal(epochs.forNext(null, cards, 2, 0).keys.length, 0);
  });

  test("are the same after a reload, and their number is bounded", () => {
    const { link, identities, cards } = company(2);
    const epochs = new Epochs(link, identities[0]);
    const made = epochs.forNext(null, cards, 1, 0).epoch;

    const again = new Epochs(link, identities[0]);
    again.import(JSON.parse(JSON.stringify(epochs.export())));

    assert.deepEqual(again.get(made.epochId)?.epoch.key, made.key);
    assert.equal(again.get(made.epochId)?.readers.get(cards[1].id), 1);
    for (let at = 0; at < 2_100; at++) epochs.add({ ...made, epochId: u64(at) }, 0);
    assert.equal(epochs.export().length, 2_000);
  });
});

describe("signal numbers", () => {
  test("rise, also when the clock is set back and the page is reloaded", () => {
    const numbers = new SignalNumbers();
    numbers.import({ last: Date.now() + 60_000, heard: [["ann head", 7]] });

    const [one, another] = [numbers.next(), numbers.next()];
    assert.ok(one > Date.now() + 59_000);
    assert.ok(one < another);
    assert.equal(numbers.isNew("ann", "head", 7), false);
    assert.equal(numbers.isNew("ann", "head", 8), true);
    assert.equal(numbers.isNew("ann", "signal", 1), true);
    assert.deepEqual(
      numbers.export().heard.map(([place]) => place),
      ["ann head", "ann signal"],
    );
  });
});

describe("notices", () => {
  /** @type {import("../../../server/web/client/entries.js").NoticeEntry[]} */
  let told = [];
  const notices = () => {
    told = [];
    return new Notices((notice) => told.push(notice));
  };

  test("of one trouble within a minute are one that counts", () => {
    const some = notices();
    for (let at = 0; at < 1_000; at++) some.add("forged", "ann", 0, at);
    some.add("forged", "ann", 0, 60_000);
    some.add("forged", "bob", 0, 60_000);

    const last = new Map(told.map((notice) => [notice.id, notice]));
    assert.deepEqual(
      [...last.values()].map(({ memberId, count }) => [memberId, count]),
      [
        ["ann", 1_000],
        ["ann", 1],
        ["bob", 1],
      ],
    );
  });

  test("of people that a relay makes up by the thousand are bounded", () => {
    const some = notices();
    for (let at = 0; at < 50_000; at++) some.add("card-refused", `stranger ${at}`, 0, 5);
    for (let at = 0; at < 50_000; at++) some.add("left", "ann", 0, 5);

    const ids = new Set(told.map(({ id }) => id));
    assert.ok(ids.size < 500, `${ids.size}`);
    const rest = told.findLast(({ code }) => code === "card-refused");
    assert.deepEqual([rest?.memberId, (rest?.count ?? 0) > 49_000], [null, true]);
  });
});

describe("the work queue", () => {
  test("works in order, lets others in between, and forgets what is cleared", async () => {
    /** @type {number[]} */
    const done = [];
    const queue = new WorkQueue(async (/** @type {number} */ item) => {
      done.push(item);
      if (item === 7) queue.clear();
      const end = performance.now() + (item < 3 ? 9 : 0);
      while (performance.now() < end);
    });
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    for (let item = 0; item < 20; item++) queue.put(item, 10);
    assert.equal(queue.weight, 190);

    await until(() => queue.weight === 0);
    queue.put(100);
    await until(() => done.includes(100));
    clearInterval(timer);

    assert.deepEqual(done, [0, 1, 2, 3, 4, 5, 6, 7, 100]);
    assert.ok(turns > 0);
  });
});

describe("a listener that raises", () => {
  test("is seen, and keeps nobody else from hearing, nor the queue from working", () => {
    const root = new URL("../../../server/web/client/", import.meta.url).href;
    const code = `
      import { Emitter } from "${root}emitter.js";
      import { WorkQueue } from "${root}queue.js";
      const seen = [];
      process.on("uncaughtException", (error) => seen.push(error.message));
      class Speaker extends Emitter { say(told) { this.emit("said", told); } }
      const speaker = new Speaker();
      speaker.on("said", () => { throw new Error("slip"); });
      speaker.on("said", (told) => seen.push(told));
      speaker.say("heard");
      const queue = new WorkQueue((item) => { if (item === 1) throw new Error("spill"); seen.push(item); });
      for (const item of [1, 2, 3]) queue.put(item);
      process.on("exit", () => console.log(JSON.stringify(seen.toSorted())));`;

    const ran = spawnSync(process.execPath, ["--input-type=module", "-e", code]);

    assert.deepEqual(JSON.parse(String(ran.stdout)), [2, 3, "heard", "slip", "spill"]);
    assert.ok(new Emitter());
  });
});
