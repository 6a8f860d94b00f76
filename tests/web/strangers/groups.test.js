/** What happens in a group of strangers, and what a relay that cheats achieves: without a network. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Epochs } from "../../../server/web/client/strangers/epochs.js";
import { StrangerKeyring } from "../../../server/web/client/strangers/keyring.js";
import { GROUP_PACE } from "../../../server/web/client/strangers/pace.js";
import { Identity } from "../../../server/web/hushwire.js";
import { toBase64url } from "../../../server/web/protocol/bytes.js";
import { NO_HASH } from "../../../server/web/protocol/chain.js";
import { randomBytes } from "../../../server/web/protocol/primitives.js";
import { makeStrangerCard } from "../../../server/web/protocol/strangers/cards.js";
import { KeyChain } from "../../../server/web/protocol/strangers/chains.js";
import { makeStrangerMessage } from "../../../server/web/protocol/strangers/messages.js";
import { placeOf } from "../../../server/web/protocol/strangers/place.js";
import { until } from "../scene/until.js";
import { Circle } from "./circle.js";

const isText = ({ messageType }) => messageType === "text";

describe("with an honest relay", () => {
  test("all hear all, and nobody is alarmed", async (t) => {
    const [ann, bob, cy] = await new Circle(t).gather("Ann", "Bob", "Cy");
    ann.group.send("hello");
    await bob.hears("hello");
    bob.group.send("hello Ann");
    cy.group.send("hello you two");
    await ann.hears("hello Ann", "hello you two");
    await bob.hears("hello", "hello you two");
    await cy.hears("hello", "hello Ann");

    assert.deepEqual(
      [ann, bob, cy].map(({ alarms }) => alarms),
      [[], [], []],
    );
  });

  test("the relay never gets a word in the clear, and texts of one size look alike", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.group.send("strawberry");
    ann.group.send("no");
    await bob.hears("strawberry", "no");

    const sent = circle.history.filter(isText).map((one) => one.encryptedContent);
    assert.equal(new Set(sent.map(({ length }) => length)).size, 1);
    const bytes = sent.map((one) => Buffer.from(one, "base64url").toString("latin1"));
    assert.ok(!bytes.join().includes("strawberry"));
  });

  test("a newcomer reads on, and cannot read back what the relay has kept", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.group.send("before");
    await bob.hears("before");
    const cy = circle.join("Cy");
    await cy.hearsOf(ann, bob);
    for (const one of circle.history) cy.hear("new_message", one);
    ann.group.send("after");
    await cy.hears("after");

    assert.deepEqual(cy.heard, ["after"]);
  });

  test("who has left cannot read on, with all that the relay hands it", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    ann.group.send("with Cy");
    await cy.hears("with Cy");
    circle.leave(cy);
    ann.group.send("without Cy");
    await bob.hears("without Cy");
    for (const one of circle.history) cy.hear("new_message", one);

    await cy.sees("unreadable: no-key");
    assert.deepEqual(cy.heard, ["with Cy"]);
    assert.deepEqual(circle.openedBy(cy, ann), ["with Cy"]);
    assert.deepEqual(circle.openedBy(bob, ann), ["with Cy", "without Cy"]);
  });

  test("of many changes at once each sender makes one set of keys", async (t) => {
    const circle = new Circle(t);
    const [ann] = await circle.gather("Ann", "Bob");
    const before = ann.asked.length;
    const others = ["Cy", "Di", "Ed", "Flo"].map((name) => circle.join(name));
    for (const one of others) await one.hearsOf(ann);

    const sent = ann.asked.slice(before).filter(({ event }) => event === "send_group_message");
    assert.equal(sent.length, 1);
  });

  test("250 messages go under three chains of keys", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const before = circle.history.length;
    const texts = Array.from({ length: 250 }, (_, at) => `text ${at}`);
    for (const text of texts) ann.group.send(text);
    await bob.hears(...texts);

    const keys = circle.history.slice(before).filter((one) => !isText(one));
    assert.equal(keys.length, 2); // besides those of before
    assert.deepEqual(bob.heard, texts);
    assert.deepEqual(bob.alarms, []);
  });

  test("whoever is alone is told that nobody would hear it", async (t) => {
    const ann = new Circle(t).join("Ann");
    const id = ann.group.send("anybody?");

    assert.equal((await ann.has(id, "failed")).reason, "nobody-here");
  });

  test("a blocked member hears nothing more, and is heard no more", async (t) => {
    const [ann, bob, cy] = await new Circle(t).gather("Ann", "Bob", "Cy");
    await ann.group.block(cy.userId);
    ann.group.send("not for Cy");
    cy.group.send("hello Ann");
    await bob.hears("not for Cy", "hello Ann");

    await until(() => cy.messages.some(({ reason }) => reason === "not-for-us"));
    assert.deepEqual([ann.heard, cy.heard], [[], []]);
  });
});

describe("numbers to compare", () => {
  test("are the same for two, and for all, where the relay is honest", async (t) => {
    const [ann, bob, cy] = await new Circle(t).gather("Ann", "Bob", "Cy");

    assert.deepEqual(ann.group.safetyNumber(bob.userId), bob.group.safetyNumber(ann.userId));
    assert.notDeepEqual(ann.group.safetyNumber(bob.userId), ann.group.safetyNumber(cy.userId));
    assert.deepEqual(ann.group.groupNumber(), cy.group.groupNumber());
    assert.match(ann.group.groupNumber().join(" "), /^(\d{5} ){11}\d{5}$/);
  });

  test("differ if the relay has put a key of its own between two from the start", async (t) => {
    const circle = new Circle(t);
    const false_ = makeStrangerCard(Identity.create(), "u-Bob", "Bob", Date.now());
    const swapped = (one) => (one.userId === "u-Bob" ? { ...one, publicKey: false_ } : one);
    circle.list = (members, { name }) => (name === "Ann" ? members.map(swapped) : members);
    const ann = circle.join("Ann");
    const bob = circle.join("Bob");

    assert.notDeepEqual(ann.group.safetyNumber(bob.userId), bob.group.safetyNumber(ann.userId));
    assert.notDeepEqual(ann.group.groupNumber(), bob.group.groupNumber());
    await bob.sees("split"); // Ann's keys name other members.
  });
});

describe("a relay that cheats", () => {
  test("cannot bring a message twice, change it, or put it in another's mouth", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    circle.pass = (message, { name }) => {
      if (name !== "Bob" || !isText(message)) return [message];
      const content = message.encryptedContent;
      const changed =
        content.slice(0, -200) + (content.at(-200) === "A" ? "B" : "A") + content.slice(-199);
      return [
        message,
        message,
        { ...message, encryptedContent: changed },
        { ...message, senderId: cy.userId },
      ];
    };
    ann.group.send("once");
    await bob.hears("once");

    assert.deepEqual(bob.heard, ["once"]);
    assert.deepEqual(bob.alarms, ["repeated", "refused: forged", "refused: forged"]);
  });

  test("cannot leave a message out, or turn two around, unnoticed", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const held = [];
    circle.pass = (message, { name }) => {
      if (name !== "Bob" || !isText(message)) return [message];
      if (held.length < 1) return held.push(message) && [];
      return [message];
    };
    ann.group.send("one");
    ann.group.send("two");
    await bob.hears("two");
    await bob.sees("missing");
    bob.hear("new_message", held[0]);
    await bob.hears("one");

    assert.equal(bob.messages.find(({ content }) => content?.text === "one").isLate, true);
  });

  test("is found out to have held back the last message when anybody comes", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    circle.pass = (message, { name }) => (name === "Bob" && isText(message) ? [] : [message]);
    ann.group.send("held back");
    await ann.isSettled();
    assert.deepEqual(bob.alarms, []);
    circle.join("Cy");

    await bob.sees("missing");
  });

  test("that loses keys is asked for them again, and the message can be read", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    circle.pass = (message, { name }) =>
      name === "Bob" && !isText(message) && !message.to ? [] : [message];
    circle.join("Cy");
    ann.group.send("with keys that were lost");

    await bob.hears("with keys that were lost");
    assert.deepEqual(bob.alarms, []);
  });

  test("that never gives the keys leaves a message that says so", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    circle.pass = (message, { name }) => (name === "Bob" && !isText(message) ? [] : [message]);
    circle.join("Cy");
    ann.group.send("without keys");

    await bob.sees("unreadable: no-key");
  });

  test("makes nobody stumble who says nonsense", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const odd = [null, 5, "x", [], {}, { userId: {} }, { epoch: "7" }, { epoch: 99, members: 5 }];
    const events = [
      "key_rotation_needed",
      "new_message",
      "user_joined",
      "user_left",
      "user_typing",
    ];
    for (const event of events) for (const data of odd) bob.group.hear(event, data);
    for (const data of odd) bob.group.hear("joined_group", { group: data });
    for (const event of events) for (const data of odd) bob.hear(event, data);
    for (const encryptedContent of [null, {}, "", "AAAA", "%"]) {
      const message = { senderId: ann.userId, id: "odd", encryptedContent, seq: 1 };
      bob.hear("new_message", { ...message, messageType: "text" });
      bob.hear("new_message", { ...message, messageType: "key_exchange" });
    }
    ann.group.send("still here");

    await bob.hears("still here");
  });
});

describe("keys that are lacking", () => {
  test("are asked for of each sender a few at once, in one request", () => {
    const pace = { ...GROUP_PACE, patience: 1_000, asking: 4_000 };
    const [place, identity] = [randomBytes(32), Identity.create()];
    const parts = { place, identity, pace, epochs: new Epochs(place) };
    const keyring = new StrangerKeyring(parts, { accepted() {}, trouble() {} });
    for (let at = 0; at < 200; at++) keyring.want("eve", randomBytes(16), 0);
    keyring.want("bob", randomBytes(16), 0);
    const asked = [1_000, 5_000, 9_000, 13_000].map((nowMs) =>
      keyring.due(nowMs).wanted.map(({ userId, chainIds }) => [userId, chainIds.length]),
    );

    const once = [
      ["eve", 4],
      ["bob", 1],
    ];
    assert.deepEqual(asked, [once, once, once, []]);
  });

  test("are asked for a few at a time, until all were of which the sender has them still", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const late = [];
    circle.pass = (message, guest) => {
      if (guest !== bob || message.to) return [message];
      if (isText(message)) late.push(message);
      return [];
    };
    const texts = Array.from({ length: 8 }, (_, at) => `text ${at}`);
    for (const [at, text] of texts.entries()) {
      const another = circle.join(`Another ${at}`);
      await another.hearsOf(ann);
      ann.group.send(text);
      await another.hears(text);
    }
    for (const message of late) bob.hear("new_message", message);
    await bob.hears(...texts.slice(4));

    assert.deepEqual(bob.heard, texts.slice(4));
    assert.deepEqual(bob.alarms, Array(4).fill("unreadable: no-key"));
  });

  test("are asked for of nobody who names other members than were told", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const tag = { sender: bob.identity.memberId, epoch: circle.epoch, members: NO_HASH };
    const before = ann.asked.length;
    let previous = NO_HASH;
    for (let number = 1; number <= 10; number++) {
      const chain = new KeyChain(placeOf(circle.id), { ...tag, first: number });
      const said = { messageId: `m${number}`, kind: "text", number, previous, sentMs: 1 };
      const { bytes, hash } = makeStrangerMessage(bob.identity, chain, said, { text: "x" });
      previous = hash;
      const encryptedMessage = toBase64url(bytes);
      circle.send(bob, { encryptedMessage, messageType: "text", id: said.messageId });
    }

    assert.deepEqual(ann.alarms, Array(10).fill("unreadable: no-key"));
    assert.equal(ann.asked.length, before);
  });
});

describe("somebody with another client", () => {
  test("is shown, gets no keys, and is not in the way", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const member = { userId: "7", login: "Rob", publicKey: '{"kty":"RSA"}' };
    circle.list = (members) => [...members, member];
    circle.epoch += 1;
    circle.rotate(null);
    ann.group.send("who is Rob?");
    await bob.hears("who is Rob?");
    bob.hear("new_message", { id: "m", senderId: 7, encryptedContent: "{}", seq: 99 });

    assert.deepEqual(bob.alarms, ["unreadable: no-card"]);
    const rob = bob.group.people.find(({ userId }) => userId === "7");
    assert.deepEqual([rob?.name, rob?.card, rob?.isPresent], ["Rob", null, true]);
    assert.deepEqual(ann.group.groupNumber(), bob.group.groupNumber());
  });
});
