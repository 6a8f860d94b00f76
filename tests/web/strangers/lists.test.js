/** What a relay achieves that lies about who is there, and a member that does: without a network. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Epochs } from "../../../server/web/client/strangers/epochs.js";
import { People } from "../../../server/web/client/strangers/people.js";
import { Identity } from "../../../server/web/hushwire.js";
import { NO_HASH } from "../../../server/web/protocol/chain.js";
import { randomBytes } from "../../../server/web/protocol/primitives.js";
import {
  makeStrangerCard,
  readStrangerCard,
} from "../../../server/web/protocol/strangers/cards.js";
import { KeyChain } from "../../../server/web/protocol/strangers/chains.js";
import { makeKeys } from "../../../server/web/protocol/strangers/keys.js";
import { placeOf } from "../../../server/web/protocol/strangers/place.js";
import { until } from "../scene/until.js";
import { Circle } from "./circle.js";

const GHOST = Identity.create();
const HAUNTED = {
  userId: "u-Ghost",
  login: "Ghost",
  publicKey: makeStrangerCard(GHOST, "u-Ghost", "Ghost", Date.now()),
};

/**
 * Somebody signs keys for an epoch of which the relay has told nobody.
 *
 * @param {import("./circle.js").Guest} guest
 * @param {number} lead How far ahead of the newest one.
 */
function speakAhead(guest, lead) {
  const { circle, identity } = guest;
  const tag = { sender: identity.memberId, epoch: circle.epoch + lead, members: NO_HASH, first: 1 };
  const chain = new KeyChain(placeOf(circle.id), tag);
  const encryptedMessage = makeKeys(identity, chain, { previous: NO_HASH, recipients: [] });
  const id = `ahead ${circle.history.length}`;
  circle.send(guest, { encryptedMessage, messageType: "key_exchange", id });
}

describe("a relay that lies about who is there", () => {
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

    await bob.sees("unreadable: no-key"); // He was not told of that list.
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

  test("that keeps a leaving from a sender is shown before anything is said", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    const order = [];
    ann.group.on("entry", ({ type, code, status }) =>
      order.push(type === "notice" ? code : status),
    );
    const before = circle.history.length;
    circle.tells = (guest) => guest !== ann;
    circle.leave(cy);
    await until(() => circle.history.length > before);
    const id = ann.group.send("is Cy here?");
    await ann.has(id, "sent");

    assert.ok(order.indexOf("told-less") < order.indexOf("sent"), order.join());
    const [notice] = ann.notices("told-less");
    assert.deepEqual([notice.memberId, notice.count], [bob.userId, 1]);
    assert.deepEqual(ann.alarms, ["told-less"]);
  });

  test("that keeps a leaving from a sender for a moment only has nothing said to the gone", async (t) => {
    const circle = new Circle(t);
    const ann = circle.join("Ann", { behind: 1e6 });
    const [bob, cy] = await circle.gather("Bob", "Cy");
    await ann.hearsOf(bob, cy);
    await bob.hearsOf(ann, cy);
    circle.tells = (guest) => guest !== ann;
    const before = circle.history.length;
    circle.leave(cy);
    await until(() => circle.history.length > before);
    ann.group.send("is Cy here?");
    circle.tells = () => true;
    circle.rotate(bob);
    await bob.hears("is Cy here?");

    assert.deepEqual(circle.openedBy(cy, ann), []);
    assert.deepEqual(ann.alarms, []);
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

  test("ends the visit that it gives to another key", async (t) => {
    const circle = new Circle(t);
    const [ann] = await circle.gather("Ann", "Bob");
    ann.publicKey = makeStrangerCard(Identity.create(), ann.userId, "Ann", Date.now());
    circle.epoch += 1;
    circle.rotate(null);

    assert.deepEqual(ann.states, [{ state: "ended", reason: "replaced" }]);
  });

  test("cannot bring back who has left, by a list of before, word for word", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    const old = { epoch: circle.epoch, members: circle.members };
    circle.leave(cy);
    ann.hear("key_rotation_needed", old);
    await ann.sees("split");
    ann.hear("joined_group", { group: { id: circle.id, seq: 1, ...old } });
    ann.group.send("not for Cy");
    await bob.hears("not for Cy");

    assert.equal(ann.person(cy)?.isPresent, false);
    assert.deepEqual(circle.openedBy(cy, ann), []);
  });

  test("cannot have anybody read who is not in the list that the keys name", () => {
    const [ann, bob, cy] = ["Ann", "Bob", "Cy"].map((name) => {
      const text = makeStrangerCard(Identity.create(), `u-${name}`, name, 1);
      return readStrangerCard(text, `u-${name}`);
    });
    const people = new People(ann);
    const told = [ann, bob, cy].map(({ userId, login, text }) => ({
      userId,
      login,
      publicKey: text,
    }));
    people.update(people.read(told));

    assert.deepEqual(people.recipientsAmong(new Set([ann.id, bob.id])), [bob]);
  });

  test("cannot hide from the others a list that it told to one of them alone", async (t) => {
    const circle = new Circle(t);
    const [ann, bob, cy] = await circle.gather("Ann", "Bob", "Cy");
    const held = [];
    circle.pass = (message, guest) => held.push([message, guest]) && [];
    circle.epoch += 1;
    bob.hear("key_rotation_needed", {
      epoch: circle.epoch,
      members: [...circle.members, HAUNTED],
    });
    bob.group.send("for three, thinks Bob");
    await bob.isSettled();
    circle.pass = (message) => [message];
    circle.epoch += 1;
    circle.rotate(null);
    for (const [message, guest] of held) guest.hear("new_message", message);

    for (const one of [ann, cy]) {
      await one.sees("split");
      await one.sees("unreadable: no-key");
      assert.deepEqual([one.heard, one.group.epoch], [[], circle.epoch]);
      assert.deepEqual(
        one.notices("split").map(({ memberId }) => memberId),
        [null, bob.userId], // A number was left out, and he names it.
      );
    }
  });

  test("cannot have a ghost listen for a moment without a line in the conversation", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const before = ann.notices().length;
    circle.list = (members) => [...members, HAUNTED];
    circle.epoch += 1;
    circle.rotate(null);
    ann.group.send("who hears this?");
    await bob.hears("who hears this?");
    circle.list = (members) => members;
    circle.epoch += 1;
    circle.rotate(null);

    const told = ann.notices().slice(before);
    assert.deepEqual(
      told.map(({ code, memberId }) => [code, memberId]),
      [
        ["arrived", "u-Ghost"],
        ["left", "u-Ghost"],
      ],
    );
  });

  test("makes nobody come or go by a word alone: that gives the reason", async (t) => {
    const circle = new Circle(t);
    const [ann, bob] = await circle.gather("Ann", "Bob");
    const before = ann.notices().length;
    ann.hear("user_joined", { userId: "u-Ghost", login: "Ghost" });
    ann.hear("user_left", { userId: bob.userId, login: "Bob", reason: "lost" });
    assert.equal(ann.notices().length, before);
    circle.guests.delete(bob.userId);
    circle.epoch += 1;
    circle.rotate(null);

    assert.deepEqual(
      ann
        .notices()
        .map(({ code, memberId }) => [code, memberId])
        .slice(before),
      [["lost", bob.userId]],
    );
  });
});

describe("a member that lies about who is there", () => {
  test("holds the others for a moment, once, and is named", async (t) => {
    const [ann, bob, eve] = await new Circle(t).gather("Ann", "Bob", "Eve");
    for (const text of ["one", "two"]) {
      speakAhead(eve, 1);
      ann.group.send(text);
      await bob.hears(text);
    }

    const [notice, ...others] = ann.notices("told-less");
    assert.deepEqual([notice.memberId, notice.count, others], [eve.userId, 1, []]);
  });

  for (const [how, end] of [
    ["is blocked", (eve, ann) => ann.group.block(eve.userId)],
    ["has gone", (eve) => eve.circle.leave(eve)],
  ]) {
    test(`holds nobody any more who ${how}`, async (t) => {
      const circle = new Circle(t);
      const ann = circle.join("Ann", { behind: 1e6 });
      const [bob, eve] = await circle.gather("Bob", "Eve");
      await ann.hearsOf(bob, eve);
      await bob.hearsOf(ann);
      speakAhead(eve, 2);
      const id = ann.group.send("hello?");
      assert.equal(ann.messages.find((one) => one.id === id).status, "sending");
      await end(eve, ann);

      await bob.hears("hello?");
    });
  }

  test("cannot hold anybody by an epoch that is far away: that is shown at once", async (t) => {
    const circle = new Circle(t);
    const ann = circle.join("Ann", { behind: 1e6 });
    const [bob, eve] = await circle.gather("Bob", "Eve");
    await ann.hearsOf(bob, eve);
    await bob.hearsOf(ann);
    speakAhead(eve, 65);
    ann.group.send("hello");
    await bob.hears("hello");

    assert.deepEqual(
      ann.notices("split").map(({ memberId }) => memberId),
      [eve.userId],
    );
  });

  test("cannot push out what the relay has told, by what it tells of a time without a connection", () => {
    const [place, eve, mal] = [randomBytes(32), randomBytes(24), randomBytes(24)];
    const epochs = new Epochs(place);
    const entries = [{ userId: "eve", memberId: eve }];
    epochs.tell(1, entries, 0);
    epochs.away();
    assert.equal(epochs.tell(1_000, entries, 0), "new");
    const noted = (sender, first) =>
      Array.from({ length: 40 }, (_, at) => {
        const said = { epoch: first + at, members: randomBytes(32), sender };
        const verdict = epochs.judge(said);
        if (verdict === "good") epochs.note(said);
        return verdict;
      });
    const verdicts = [...Array(32).fill("good"), ...Array(8).fill("split")];
    assert.deepEqual(noted(eve, 500), verdicts);
    const { members } = epochs;
    assert.equal(epochs.judge({ epoch: 1, members, sender: eve }), "good");
    assert.deepEqual(noted(mal, 600), verdicts);

    assert.deepEqual(epochs.members, members);
    assert.equal(epochs.judge({ epoch: 1_000, members, sender: eve }), "good");
    assert.equal(epochs.judge({ epoch: 1, members, sender: eve }), "before");
  });
});

describe("epochs", () => {
  test("forget the lowest number first, and never the newest", () => {
    const [place, ann] = [randomBytes(32), randomBytes(24)];
    const epochs = new Epochs(place);
    const entries = [{ userId: "ann", memberId: ann }];
    for (let epoch = 1; epoch <= 100; epoch++) epochs.tell(epoch, entries, 0);
    const said = { members: epochs.members, sender: ann };

    assert.deepEqual(
      [36, 37, 100].map((epoch) => epochs.judge({ ...said, epoch })),
      ["before", "good", "good"],
    );
  });

  test("that fell into a time without a connection may be learnt of others, and no others", () => {
    const [place, ann] = [randomBytes(32), randomBytes(24)];
    const epochs = new Epochs(place);
    const entries = [{ userId: "ann", memberId: ann }];
    epochs.tell(1, entries, 0);
    epochs.away();
    assert.equal(epochs.tell(1, entries, 0), "same");
    assert.equal(epochs.tell(3, entries, 0), "skipped");
    epochs.away();
    assert.equal(epochs.tell(5, entries, 0), "new");
    assert.equal(epochs.tell(3, entries, 0), "split");

    const said = { members: NO_HASH, sender: ann };
    assert.deepEqual(
      [2, 4].map((epoch) => epochs.judge({ ...said, epoch })),
      ["split", "good"],
    );
  });
});
