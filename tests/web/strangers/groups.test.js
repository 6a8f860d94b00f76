/** What happens in a group of strangers, and what a relay that cheats achieves: without a network. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Identity } from "../../../server/web/hushwire.js";
import { makeStrangerCard } from "../../../server/web/protocol/strangers/cards.js";
import { checkEvidence } from "../../../server/web/protocol/strangers/evidence.js";
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
  test("cannot swap a key later: it is shown, nothing goes to it, and what comes waits", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    const identity = Identity.create();
    bob.publicKey = makeStrangerCard(identity, bob.userId, "Bob", Date.now());
    circle.tells = (guest) => guest !== bob;
    circle.epoch += 1;
    circle.rotate(null);
    await ann.sees("key-changed");
    ann.group.send("for whom?");
    await cy.hears("for whom?");

    await bob.sees("unreadable: no-key");
    assert.equal(ann.person(bob)?.isChanged, true);
    assert.deepEqual(bob.heard, []);
  });

  test("a changed key is good once its user says so", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    circle.leave(bob);
    const again = circle.join("Bob");
    await ann.sees("key-changed");
    again.group.send("it is me");
    await until(() => ann.messages.some(({ status }) => status === "waiting"));
    assert.deepEqual(ann.heard, []);
    ann.group.trust(again.userId);
    await ann.hears("it is me");
    ann.group.send("so it is");
    await again.hears("so it is");
    await cy.sees("key-changed");

    assert.deepEqual(cy.heard, ["so it is"]);
  });

  test("cannot show two lists of members under one number", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const ghost = makeStrangerCard(Identity.create(), "u-Ghost", "Ghost", Date.now());
    const haunted = { userId: "u-Ghost", login: "Ghost", publicKey: ghost };
    circle.list = (members, { name }) => (name === "Ann" ? [...members, haunted] : members);
    circle.epoch += 1;
    circle.rotate(null);
    await bob.sees("split");
    await ann.sees("split");
    ann.group.send("who is here?");
    await until(() => bob.messages.some(({ reason }) => reason === "no-key"));

    assert.deepEqual(bob.heard, []);
  });

  test("cannot take back a list that it has shown, nor an epoch", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    ann.hear("key_rotation_needed", { epoch: circle.epoch, members: circle.members.slice(0, 1) });
    await ann.sees("split");
    ann.hear("key_rotation_needed", { epoch: 1, members: circle.members });
    ann.group.send("still both");
    await bob.hears("still both");

    assert.equal(ann.person(bob)?.isPresent, true);
    assert.equal(ann.group.epoch, circle.epoch);
  });

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

  test("cannot keep a leaving from a sender unnoticed: nothing is said meanwhile", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    circle.tells = (guest) => guest !== ann;
    circle.leave(cy);
    await ann.sees("behind");
    const id = ann.group.send("is Cy here?");
    assert.equal(ann.messages.find((one) => one.id === id).status, "sending");
    circle.tells = () => true;
    circle.rotate(null);
    await bob.hears("is Cy here?");

    assert.deepEqual(cy.heard, []);
  });

  test("shows a sender who speaks to people who have gone long ago", async (t) => {
    const circle = new Circle(t);
    const ann = circle.join("Ann", { behind: 1e6 });
    const bob = circle.join("Bob", { over: 0 });
    const cy = circle.join("Cy");
    await bob.hearsOf(ann, cy);
    await ann.hearsOf(bob, cy);
    circle.tells = (guest) => guest !== ann;
    circle.pass = (message, guest) => (guest === ann ? [] : [message]);
    circle.leave(cy);
    ann.group.send("hello Cy");
    await bob.hears("hello Cy");

    await bob.sees("behind");
    assert.equal(bob.person(ann)?.isBehind, true);
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

  test("ends the visit that it gives to another key", async (t) => {
    const circle = new Circle(t);
    const [ann] = await circle.gather("Ann", "Bob");
    ann.publicKey = makeStrangerCard(Identity.create(), ann.userId, "Ann", Date.now());
    circle.epoch += 1;
    circle.rotate(null);

    assert.deepEqual(ann.states, [{ state: "ended", reason: "replaced" }]);
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
});
