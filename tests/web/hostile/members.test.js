/** Members that cheat, with the relay's help or without: they harm nobody but themselves. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBase64url, toBase64url, u64 } from "../../../server/web/protocol/bytes.js";
import { makeCard } from "../../../server/web/protocol/card.js";
import { NO_HASH } from "../../../server/web/protocol/chain.js";
import { readEnvelope } from "../../../server/web/protocol/envelope.js";
import { unwrapKey } from "../../../server/web/protocol/epoch.js";
import { memberIdOf } from "../../../server/web/protocol/identity.js";
import { randomBytes } from "../../../server/web/protocol/primitives.js";
import { readSignal } from "../../../server/web/protocol/signals.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { Mallory } from "./mallory.js";
import { assertTheyTalk, meet, meetMallory } from "./plot.js";

/**
 * @param {any} id
 * @param {any} [more]
 */
function fileContent(id, more) {
  const hashes = toBase64url(randomBytes(32));
  const key = toBase64url(randomBytes(32));
  return { file: { id, name: "trap", type: "", size: 3, chunk: 131_072, key, hashes, ...more } };
}

describe("a member that cheats", { concurrency: true }, () => {
  test("reads nothing and says nothing once it is removed, though the relay keeps it", async (t) => {
    const { relay, people, mallory, ann, bob } = await meetMallory(t);
    const epoch = mallory.epoch();
    await mallory.send(epoch, { content: { text: "still in" } });
    await ann.hears("still in");
    relay.up = (asked) =>
      asked.event === "remove-member" ? { ...asked, answer: { success: true } } : asked;

    await ann.session.remove(mallory.id);
    await bob.learns("removed");
    ann.session.sendText("behind its back");
    bob.session.sendText("also behind its back");
    await ann.hears("also behind its back");
    await bob.hears("behind its back");

    await until(() => mallory.heard.filter(([event]) => event === "new-message").length === 3);
    const cards = new Map(mallory.cards.map((/** @type {any} */ card) => [card.id, card]));
    for (const [event, relayed] of mallory.heard) {
      if (event !== "new-message") continue;
      const { head } = readEnvelope(mallory.link, relayed, cards.get(relayed.from));
      const isForIt = head.keys.length > 0 && unwrapKey(mallory.link, mallory.identity, head);
      assert.ok(!isForIt, "no key for whom is removed");
      const wanted = mallory.signal(relayed.from, "keys-wanted", [head.epochId]);
      await mallory.ask("send-signal", { to: relayed.from, encrypted: wanted });
    }
    await mallory.send(epoch, { content: { text: "let me in" } });
    for (const one of [ann, bob]) {
      await until(() => one.alarms.includes("refused: removed-member"));
      assert.equal(one.heard.includes("let me in"), false);
      assert.equal(one.message("still in")?.status ?? "received", "received");
    }
    await assertTheyTalk(people);
    assert.deepEqual(
      mallory.heard.filter(([event, { from, to }]) => event === "signal" && from && to),
      [],
    );
  });

  test("is no recipient any more of what the relay had no time for before it was removed", async (t) => {
    const { relay, company, mallory, ann } = await meetMallory(t);
    let isBusy = true;
    const busy = { success: false, error: "rate_limited", message: "", retryAfterMs: 50 };
    relay.up = (asked) =>
      isBusy && asked.event === "send-message" ? { ...asked, answer: busy } : asked;
    const sent = () => relay.asked.filter(({ event }) => event === "send-message");

    const id = ann.session.sendText("while Mallory was there");
    await until(() => sent().length > 1);
    await mallory.ask("leave-session", {});
    await ann.learns("left");
    const cy = await (await company.open("Cy")).is("connected");
    await ann.sees(cy);
    isBusy = false;
    await ann.has(id, "sent");

    await cy.hears("while Mallory was there");
    const card = mallory.cards.find((/** @type {any} */ one) => one.id === ann.id);
    const { data } = sent().at(-1) ?? {};
    const { head } = readEnvelope(mallory.link, { ...data, from: ann.id }, card);
    assert.equal(unwrapKey(mallory.link, mallory.identity, head), null);
    assert.deepEqual([...cy.alarms, ...ann.alarms], []);
  });

  test("cannot fill in what was missing of it once it is removed", async (t) => {
    const { relay, company, people, mallory, ann } = await meetMallory(t);
    relay.up = (asked) =>
      asked.event === "remove-member" ? { ...asked, answer: { success: true } } : asked;
    const epoch = mallory.epoch();
    await mallory.send(epoch, { number: 5, content: { text: "a leap" } });
    await ann.hears("a leap");
    await mallory.ask("send-signal", { encrypted: mallory.head({ number: 2 ** 52 }) });
    await until(() => ann.notices("missing").length === 2);
    await ann.session.remove(mallory.id);
    await people[1].learns("removed");

    for (const number of [3, 6, 2 ** 52]) {
      mallory.end = { number: number - 1, hash: NO_HASH };
      await mallory.send(epoch, { content: { text: `number ${number}` } });
    }

    for (const one of people) {
      const refused = () => one.alarms.filter((alarm) => alarm === "refused: removed-member");
      await until(
        () => refused().length === 3,
        () => one.summary(),
      );
      assert.deepEqual(
        one.heard.filter((text) => text !== "remove"),
        ["a leap"],
      );
    }
    await until(() => ann.kept.roster?.some((/** @type {any} */ one) => one.isRemoved));
    const again = await company.restore(ann.vanish(), { url: relay.url }).is("connected");
    const refused = () => again.alarms.filter((alarm) => alarm === "refused: removed-member");
    await until(() => refused().length === 3);
    assert.deepEqual(again.heard, ["a leap"]);
  });

  test("that has left reads nothing that is said afterwards", async (t) => {
    const { relay, mallory, ann, bob } = await meetMallory(t);
    ann.session.sendText("for three");
    const before = await mallory.hears("new-message");
    const card = mallory.cards.find((/** @type {any} */ one) => one.id === ann.id);
    const known = unwrapKey(
      mallory.link,
      mallory.identity,
      readEnvelope(mallory.link, before, card).head,
    );
    assert.ok(known);
    await mallory.ask("leave-session", {});
    await ann.learns("left");

    ann.session.sendText("for two");
    await bob.hears("for two");

    const sent = relay.told.findLast((one) => one.event === "ack send-message");
    const after = readEnvelope(mallory.link, { ...sent?.data, to: null }, card);
    assert.equal(unwrapKey(mallory.link, mallory.identity, after.head), null);
    assert.throws(() => after.open(known.epoch));
  });

  test("cannot remove anybody, nor undo what the creator says", async (t) => {
    const { people, mallory, ann, bob } = await meetMallory(t);

    await mallory.send(mallory.epoch(), { kind: "remove", content: { member: bob.id } });

    for (const one of people) await until(() => one.alarms.includes("refused: not-creator"));
    assert.equal(ann.person(bob.id).isRemoved, false);
    await assertTheyTalk(people);
  });

  test("cannot write over a message, a notice or a draft of somebody else", async (t) => {
    const { relay, people, mallory, ann, bob } = await meetMallory(t);
    const id = ann.session.sendText("mine");
    await bob.hears("mine");
    const epoch = mallory.epoch();
    const ids = [id, id, bob.notices("arrived")[0]?.id ?? "notice 1", ann.notices("arrived")[0].id];

    for (const messageId of ids) {
      const message = mallory.message(epoch, { messageId, content: { text: "over it" } });
      relay.say(ann.id, "new-message", { ...message, from: mallory.id, timestamp: 1, seq: 1 });
    }

    await until(() => ann.heard.filter((text) => text === "over it").length === ids.length);
    assert.equal(ann.entry(id).content.text, "mine");
    assert.equal(ann.entry(ids[3]).type, "notice");
    await assertTheyTalk(people);
  });

  test("that says two things under one number is refused from there on", async (t) => {
    const { people, mallory, ann, bob } = await meetMallory(t);
    const epoch = mallory.epoch();
    await mallory.send(epoch, { content: { text: "one" } });
    const { end } = mallory;
    await mallory.send(epoch, { content: { text: "two" } });
    mallory.end = end;
    await mallory.send(epoch, { content: { text: "two, but otherwise" } });
    await mallory.send(epoch, { content: { text: "after it" } });

    for (const one of people) {
      await until(() => one.alarms.filter((alarm) => alarm === "refused: forked").length === 2);
      assert.deepEqual(one.heard, ["one", "two"]);
    }
    await assertTheyTalk([ann, bob]);
  });

  test("cannot show a file of its own under the id of another's", async (t) => {
    const { relay, people, mallory, ann, bob } = await meetMallory(t);
    await bob.session.sendFile(new File(["abc"], "true"), { place: "p" });
    const { file } = (await until(() => ann.message("true"))).content;
    const { id } = file;
    const epoch = mallory.epoch();

    await mallory.send(epoch, { kind: "file", content: fileContent(id) });
    await mallory.send(epoch, { kind: "file", content: { file: { ...file, chunk: 3 } } });
    const taken = () => ann.alarms.filter((alarm) => alarm === "refused: file-id-taken");
    await until(() => taken().length === 2);
    await ann.session.fetchFile(id);
    await until(() => ann.session.transfer(id).state === "here");
    relay.say(ann.id, "download-notification", { downloadedBy: mallory.id, fileName: id });

    assert.equal(String(await ann.session.openFile(id).then(Buffer.concat)), "abc");
    await assertTheyTalk(people);
  });

  test("that sends contents of any form is unreadable, and nothing breaks", async (t) => {
    const { people, mallory, ann } = await meetMallory(t);
    const epoch = mallory.epoch();
    const fileId = toBase64url(randomBytes(16));
    const deep = JSON.parse(`${"[".repeat(1_000)}${"]".repeat(1_000)}`);
    const contents = [
      ["text", { text: 7 }],
      ["text", { text: "" }],
      ["text", { text: "x".repeat(16_001) }],
      ["text", null],
      ["text", ["text"]],
      ["text", deep],
      ["constructor", {}],
      ["poll", { text: "newer" }],
      ["", {}],
      ["remove", { member: 7 }],
      ["remove", { member: "A" }],
      ["file", {}],
      ["file", { file: null }],
      ["file", fileContent("A")],
      ["file", fileContent(fileId, { size: 2 ** 53 })],
      ["file", fileContent(fileId, { size: -1 })],
      ["file", fileContent(fileId, { size: 1e6, chunk: 1 })],
      ["file", fileContent(fileId, { chunk: 0 })],
      ["file", fileContent(fileId, { name: "x".repeat(256) })],
      ["file", fileContent(fileId, { name: "" })],
      ["file", fileContent(fileId, { type: {} })],
      ["file", fileContent(fileId, { key: "AAAA" })],
      ["file", fileContent(fileId, { preview: "?" })],
      ["file", fileContent(fileId, { preview: "A".repeat(40_000) })],
    ];

    for (const [kind, content] of contents) await mallory.send(epoch, { kind, content });

    const unreadable = () => ann.messages.filter(({ reason }) => reason === "newer");
    await until(
      () => unreadable().length === contents.length,
      () => ann.summary(),
    );
    await assertTheyTalk(people);
  });

  test("that dates its messages to the end of time shows a date", async (t) => {
    const { mallory, ann } = await meetMallory(t);

    await mallory.send(mallory.epoch(), { sentMs: Number.MAX_SAFE_INTEGER });

    await ann.hears("hello");
    assert.ok(new Date(ann.message("hello").sentMs).toISOString());
  });

  test("that claims other readers than its key has is refused", async (t) => {
    const { people, mallory, ann } = await meetMallory(t);
    const all = mallory.epoch();
    const few = mallory.epoch({ readers: mallory.cards.slice(0, 2) });

    await mallory.send({ epoch: all.epoch, keys: few.keys });
    await until(() => ann.alarms.includes("refused: forged"));
    await mallory.send({ ...few, epoch: { ...few.epoch, recipients: all.epoch.recipients } });
    await until(() => ann.alarms.filter((alarm) => alarm === "refused: forged").length === 2);

    assert.deepEqual(ann.heard, []);
    await assertTheyTalk(people);
  });

  test("with keys that everybody could agree on is no member, and stops nobody", async (t) => {
    const { url, company, people } = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = people;
    const mallory = new Mallory(url, company.link);
    t.after(() => mallory.socket.disconnect());
    const boxKey = new Uint8Array(32);
    const { identity } = mallory;
    const memberId = memberIdOf(identity.signKey, boxKey);
    const low = Object.create(identity, {
      boxKey: { value: boxKey },
      memberId: { value: memberId },
      sign: { value: (/** @type {Uint8Array} */ bytes) => identity.sign(bytes) },
    });

    await mallory.ask("join-session", {
      userId: toBase64url(memberId),
      publicKey: makeCard(mallory.link, low, "Low", Date.now()),
      authKey: mallory.link.authKey,
    });
    assert.equal((await ann.learns("card-refused")).memberId, toBase64url(memberId));
    const id = ann.session.sendText("everybody hears this");

    await bob.hears("everybody hears this");
    await ann.has(id, "sent");
  });

  test("with heads that lie is missed, and misses itself only", async (t) => {
    const { people, mallory, ann, bob } = await meetMallory(t);
    const post = (/** @type {any} */ said) =>
      mallory.ask("send-signal", { encrypted: mallory.head(said) });
    const card = mallory.cards.find((/** @type {any} */ one) => one.id === ann.id);

    await post({ number: Number.MAX_SAFE_INTEGER });
    const { memberId, count } = await ann.learns("missing");
    assert.deepEqual([memberId, count], [mallory.id, Number.MAX_SAFE_INTEGER]);
    await post({ alone: [{ card, number: 3, hash: NO_HASH }] });
    await until(() => ann.notices("missing").some((one) => one.count === 3));
    assert.deepEqual(bob.notices("missing").length, 1);
    await mallory.send(mallory.epoch(), { content: { text: "here after all" } });
    await ann.hears("here after all");
    await post({ number: 1, hash: NO_HASH });

    await until(() => ann.alarms.includes("forked"));
    assert.equal(ann.message("here after all").isLate, true);
    await assertTheyTalk(people);
  });

  test("that gives wrong keys keeps nobody from getting the right ones", async (t) => {
    const options = { pace: { ...QUICK, answer: 300 }, sharesHistory: true };
    const { relay, mallory, company, people, ann, bob } = await meetMallory(t, options);
    bob.session.sendText("old news");
    await ann.hears("old news");
    await bob.session.leave();
    await ann.learns("left");
    let lies = 0;
    mallory.socket.on("signal", (/** @type {any} */ { from, to }) => {
      if (to !== mallory.id) return;
      lies++;
      const garbage = [randomBytes(200), randomBytes(0)];
      const encrypted = mallory.signal(from, "keys", lies % 2 ? garbage : []);
      void mallory.ask("send-signal", { to: from, encrypted });
    });
    // Only whoever was there longer is asked first: Ann must seem to be the newcomer.
    relay.down = (told) => {
      if (told.event !== "ack join-session") return [told];
      return [{ ...told, data: { ...told.data, members: told.data.members.toReversed() } }];
    };

    const cy = await (await company.open("Cy", { url: relay.url })).is("connected");
    await cy.hears("old news");

    assert.ok(lies > 0);
    assert.ok(people.length);
  });

  test("that asks for a file again and again is not sent it again and again", async (t) => {
    const { relay, people, mallory, ann, bob } = await meetMallory(t);
    const whole = new File([new Uint8Array(6 * 131_072)], "large");
    await ann.session.sendFile(whole, { place: "p" });
    const { id } = (await until(() => bob.message("large"))).content.file;
    const ask = () => {
      const fields = [fromBase64url(id), u64(0), u64(2 ** 40)];
      const encrypted = mallory.signal(ann.id, "file-wanted", fields);
      return mallory.ask("send-signal", { to: ann.id, encrypted });
    };
    const signals = () =>
      relay.asked.filter(({ event, data }) => event === "send-signal" && data.to === mallory.id);

    await Promise.all(Array.from({ length: 100 }, ask));
    await assertTheyTalk(people);

    assert.ok(signals().length < 40, `${signals().length} for 100 requests of 6 chunks`);
  });

  test("learns nothing of a file between two others: not that it was fetched, nor how large it is", async (t) => {
    const { people, mallory, ann, bob } = await meetMallory(t);
    /** @type {any[]} */
    const told = [];
    ann.session.on("downloaded", (one) => told.push(one));
    await ann.session.sendFile(new File(["x".repeat(9_000)], "secret"), {
      place: "p",
      audience: bob.id,
    });
    const note = (await until(() => bob.message("secret"))).content.file;
    await bob.session.fetchFile(note.id);
    await until(() => bob.session.transfer(note.id).state === "here");
    await until(() => told.length === 1);

    const cards = new Map(mallory.cards.map((/** @type {any} */ card) => [card.id, card]));
    for (const { id } of people) {
      const wanted = mallory.signal(id, "file-wanted", [fromBase64url(note.id), u64(0), u64(8)]);
      await mallory.ask("send-signal", { to: id, encrypted: wanted });
      const answer = await mallory.hears("signal", ({ from, to }) => from === id && to !== null);
      const read = readSignal(mallory.link, mallory.identity, cards.get(id), answer.encrypted);
      assert.equal("signal" in read && read.signal.kind, "file-gone");
    }
    assert.ok(!mallory.heard.some(([event]) => event === "download-notification"));
  });

  test("that sends signals of any form is called a forger, and nothing breaks", async (t) => {
    const { people, mallory, ann } = await meetMallory(t);
    const bytes = (/** @type {number} */ count) => randomBytes(count);
    const signals = [
      ["keys-wanted", Array.from({ length: 51 }, () => bytes(16))],
      ["keys-wanted", [bytes(0)]],
      ["keys", [bytes(10)]],
      ["file-wanted", []],
      ["file-wanted", [bytes(16), bytes(3), bytes(8)]],
      ["file-chunk", [bytes(16), bytes(8)]],
      ["file-chunk", []],
      ["file-gone", []],
      ["file-enough", []],
      ["__proto__", [bytes(1)]],
      ["constructor", []],
      ["toString", []],
      ["", []],
      ["poll", [bytes(500)]],
    ];

    for (const [kind, fields] of signals) {
      const encrypted = mallory.signal(
        ann.id,
        /** @type {any} */ (kind),
        /** @type {any} */ (fields),
      );
      await mallory.ask("send-signal", { to: ann.id, encrypted });
    }

    await until(() => ann.alarms.includes("forged"));
    await assertTheyTalk(people);
  });
});
