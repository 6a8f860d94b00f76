/** What a hostile relay, or a hostile stranger, tries between clients and a real server. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Identity } from "../../../server/web/hushwire.js";
import { makeStrangerCard } from "../../../server/web/protocol/strangers/cards.js";
import { HostileRelay } from "../hostile/relay.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";
import { Visitor } from "./visitors.js";

/**
 * Bob and Cy hear the server itself, and Ann all through a hostile relay.
 *
 * @param {import("node:test").TestContext} t
 * @param {(relay: HostileRelay) => void} [prepare] Before anybody comes.
 */
async function plot(t, prepare = () => {}) {
  const { url } = await startServer(t);
  const relay = await HostileRelay.stand(t, url);
  prepare(relay);
  const [bob, cy] = await Visitor.gather(t, url, "Bob", "Cy");
  const ann = await Visitor.enter(t, url, "Ann", {}, relay.url);
  await ann.meet();
  return { url, relay, ann, bob, cy };
}

/**
 * The same list with another card for one of its members.
 *
 * @param {any} data
 * @param {string} login
 * @param {(one: any) => any} change
 */
function withOther(data, login, change) {
  const list = data.group ?? data;
  const members = list.members.map((one) => (one.login === login ? change(one) : one));
  return data.group ? { ...data, group: { ...list, members } } : { ...list, members };
}

/** @param {string} event */
function isList(event) {
  return ["ack join_random_group", "key_rotation_needed", "joined_group"].includes(event);
}

const isText = ({ event, data }) => event === "new_message" && data.messageType === "text";

describe("a hostile relay", () => {
  test("that swaps a key from the start is found out by the numbers", async (t) => {
    const identity = Identity.create();
    const swap = (one) => ({
      ...one,
      publicKey: makeStrangerCard(identity, one.userId, one.login, Date.now()),
    });
    const { ann, bob } = await plot(t, (relay) => {
      relay.down = (told) =>
        isList(told.event) ? [{ ...told, data: withOther(told.data, "Bob", swap) }] : [told];
    });
    await until(() => bob.person(ann) && ann.person(bob));

    assert.notDeepEqual(ann.group.safetyNumber(bob.id), bob.group.safetyNumber(ann.id));
    assert.notDeepEqual(ann.group.groupNumber(), bob.group.groupNumber());
    await bob.sees("split"); // It let Ann's keys through, which name other members.
    await ann.sees("split");
  });

  test("that swaps a key later has it shown, and nothing goes to it", async (t) => {
    const { relay, ann, bob, cy, url } = await plot(t);
    await ann.hearsOf(bob, cy);
    const identity = Identity.create();
    const swap = (one) => ({
      ...one,
      publicKey: makeStrangerCard(identity, one.userId, one.login, Date.now()),
    });
    relay.down = (told) =>
      isList(told.event) ? [{ ...told, data: withOther(told.data, "Bob", swap) }] : [told];
    const di = await Visitor.enter(t, url, "Di");
    await di.meet();
    await ann.sees("key-changed");
    ann.group.send("who hears this?");
    await until(() => ann.messages.some(({ status }) => status === "sent"));

    assert.equal(ann.person(bob)?.isChanged, true);
    await until(() => bob.messages.some(({ status }) => status === "unreadable"));
    assert.deepEqual(bob.heard, []);
  });

  test("that shows a ghost to one of them splits the group for all to see", async (t) => {
    const { relay, ann, bob, cy, url } = await plot(t);
    await ann.hearsOf(bob, cy);
    const publicKey = makeStrangerCard(Identity.create(), "ghost", "Ghost", Date.now());
    const ghost = { userId: "ghost", login: "Ghost", publicKey, joinedAt: "" };
    relay.down = (told) =>
      told.event === "key_rotation_needed"
        ? [{ ...told, data: { ...told.data, members: [...told.data.members, ghost] } }]
        : [told];
    const di = await Visitor.enter(t, url, "Di");
    await di.meet();

    for (const one of [ann, bob, cy, di]) await one.sees("split");
  });

  test("that repeats, leaves out and turns around is shown to do so", async (t) => {
    const { relay, ann, bob, cy } = await plot(t);
    await ann.hearsOf(bob, cy);
    let count = 0;
    const held = [];
    relay.down = (told) => {
      if (!isText(told)) return [told];
      count += 1;
      if (count === 1) return [told, told];
      if (count === 2) return held.push(told) && [];
      return [told, ...held.splice(0)];
    };
    for (const text of ["one", "two", "three"]) bob.group.send(text);
    await ann.hears("one", "two", "three");

    assert.deepEqual(ann.heard, ["one", "three", "two"]);
    assert.deepEqual(ann.alarms, ["repeated", "missing"]);
    assert.equal(ann.messages.at(-1)?.isLate, true);
  });

  test("that puts words into another's mouth, or changes them, is refused", async (t) => {
    const { relay, ann, bob, cy } = await plot(t);
    await ann.hearsOf(bob, cy);
    relay.down = (told) => {
      if (!isText(told)) return [told];
      const { encryptedContent } = told.data;
      const changed = encryptedContent.replace(
        /(.)(.{99})$/,
        (_, first, rest) => `${first === "_" ? "-" : "_"}${rest}`,
      );
      const claimed = [{ senderId: cy.id }, { encryptedContent: changed }, { id: "another" }];
      return claimed.map((change) => ({ ...told, data: { ...told.data, ...change } }));
    };
    bob.group.send("my words");
    await until(() => ann.messages.length === 3);

    assert.deepEqual(ann.alarms, ["refused: forged", "refused: forged", "refused: forged"]);
    assert.deepEqual(ann.heard, []);
  });

  test("that hides a leaving is shown, and the sender says nothing meanwhile", async (t) => {
    const { relay, ann, bob, cy } = await plot(t);
    await ann.hearsOf(bob, cy);
    relay.down = (told) =>
      ["key_rotation_needed", "user_left"].includes(told.event) ? [] : [told];
    await cy.group.leave();
    await ann.sees("behind");
    const id = ann.group.send("is Cy still here?");

    assert.equal(ann.messages.find((one) => one.id === id)?.status, "sending");
    relay.behave();
    const missed = relay.told.findLast(
      ({ who, event }) => who === ann.id && event === "key_rotation_needed",
    );
    relay.say(ann.id, "key_rotation_needed", missed?.data);
    await bob.hears("is Cy still here?");
    assert.deepEqual(cy.heard, []);
  });

  test("that brings messages of another group has them refused", async (t) => {
    const { relay, ann, bob, cy, url } = await plot(t);
    await ann.hearsOf(bob, cy);
    bob.group.send("in the first group");
    await ann.hears("in the first group");
    const message = relay.told.find(isText)?.data;
    const old = ann.group.id;
    await ann.next();
    const di = await Visitor.enter(t, url, "Di");
    await di.meet();
    const here = { groupId: ann.group.id, senderId: message.senderId };
    const someone = {
      userId: message.senderId,
      login: "Bob",
      publicKey: bob.person(bob)?.card?.text,
    };
    relay.say(ann.id, "key_rotation_needed", {
      groupId: ann.group.id,
      epoch: ann.group.epoch + 1,
      members: [...ann.group.people, someone].map(({ userId, name, card, publicKey }) => ({
        userId,
        login: name ?? "Bob",
        publicKey: publicKey ?? card?.text,
      })),
    });
    relay.say(ann.id, "new_message", { ...message, ...here });
    await until(() => ann.messages.length === 1);

    assert.notEqual(old, ann.group.id);
    assert.deepEqual(ann.alarms, ["refused: forged"]);
  });
});

describe("a hostile stranger", () => {
  test("that posts nonsense under every type is in nobody's way", async (t) => {
    const { relay, ann, bob, cy } = await plot(t);
    await ann.hearsOf(bob, cy);
    const odd = ["", "AAAA", { iv: [1], data: "x" }, [], 5, null, "%%%", "A".repeat(5_000)];
    const asks = [];
    relay.up = (asked) => {
      if (asked.event !== "send_group_message" || asked.data.messageType !== "text") return asked;
      const instead = odd[asks.length % odd.length];
      asks.push(instead);
      return { ...asked, data: { ...asked.data, encryptedMessage: instead } };
    };
    for (const at of odd.keys()) ann.group.send(`never sent ${at}`);
    await until(() => ann.messages.every(({ status }) => ["sent", "failed"].includes(status)));
    cy.group.send("still here");
    await bob.hears("still here");

    assert.deepEqual(bob.heard, ["still here"]);
    assert.ok(bob.alarms.every((alarm) => ["refused: forged", "missing"].includes(alarm)));
  });
});
