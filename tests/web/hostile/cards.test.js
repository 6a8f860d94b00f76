/** A relay that swaps keys and adds members: each is refused or shown, and the others go on. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Identity, Link } from "../../../server/web/hushwire.js";
import { makeCard } from "../../../server/web/protocol/card.js";
import { QUICK } from "../scene/people.js";
import { until } from "../scene/until.js";
import { Mallory } from "./mallory.js";
import { assertTheyTalk, meet } from "./plot.js";

/**
 * Tell the first one of other members than the server did.
 *
 * @param {any} scene
 * @param {(members: any[]) => any[]} change
 */
function show({ relay, people }, change) {
  const last = relay.told.findLast((/** @type {any} */ one) => one.event === "public-keys-updated");
  relay.say(people[0].id, "public-keys-updated", change(structuredClone(last.data)));
}

/**
 * @param {string} userId
 * @param {unknown} publicKey
 */
function withCard(userId, publicKey) {
  return (/** @type {any[]} */ members) =>
    members.map((one) => (one.userId === userId ? { ...one, publicKey } : one));
}

/** @param {any} person */
function readersOf(person) {
  const readers = person.kept.epochs.flatMap((/** @type {any} */ one) => one.readers);
  return [...new Set(readers.map((/** @type {[string]} */ [id]) => id))].toSorted();
}

describe("a relay that shows cards of its own", { concurrency: true }, () => {
  test("cannot swap a member's: neither by one of its own nor by another member's", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = scene.people;
    const before = ann.person(bob.id).card;
    const eve = Identity.create();
    const cards = [
      makeCard(Link.create(eve.memberId), eve, "Bob", Date.now()),
      makeCard(ann.session.link, eve, "Bob", Date.now()), // even with the link's help
      ann.person(cy.id).cardText,
      "A".repeat(400),
      null,
      7,
      { x: 1 },
    ];

    for (const [at, card] of cards.entries()) {
      show(scene, withCard(bob.id, card));
      await until(() => ann.person(bob.id).refusal !== null);
      assert.equal(ann.person(bob.id).card, before, `card ${at}`);
      show(scene, (members) => members);
      await until(() => ann.person(bob.id).refusal === null);
    }

    const refused = ann.notices("card-refused");
    assert.deepEqual([refused.length, refused[0].memberId], [1, bob.id]);
    assert.equal(refused[0].count, cards.length);
    await assertTheyTalk(scene.people);
  });

  test("cannot put an older card in a newer one's place", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    const old = ann.person(bob.id).cardText;
    await bob.session.rename("Robert");
    await until(() => ann.person(bob.id).card.name === "Robert");

    show(scene, withCard(bob.id, old));

    assert.equal((await ann.learns("card-refused")).memberId, bob.id);
    const { card, refusal } = ann.person(bob.id);
    assert.deepEqual([card.name, refusal], ["Robert", "an older card"]);
    await assertTheyTalk(scene.people);
  });

  test("can add nobody without the link: such a one gets no keys", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;
    const eve = Identity.create();
    const strangers = [
      ["E".repeat(32), null],
      [eve.id, makeCard(Link.create(eve.memberId), eve, "Eve", Date.now())],
      ["F".repeat(32), ann.person(bob.id).cardText],
      ["constructor", "x"],
      ["__proto__", "x"],
    ];

    show(scene, (members) => [
      ...members,
      ...strangers.map(([userId, publicKey]) => ({ userId, publicKey, joinedAt: 1 })),
    ]);
    for (const [userId] of strangers) {
      await until(() => ann.notices("card-refused").some((one) => one.memberId === userId));
    }
    const id = ann.session.sendText("who reads this?");
    await bob.hears("who reads this?");
    await ann.has(id, "sent");
    await until(() => ann.kept.epochs?.length);

    assert.deepEqual(readersOf(ann), [ann.id, bob.id].toSorted());
    assert.deepEqual(ann.notices("arrived").length, 1);
    await assertTheyTalk(scene.people);
  });

  test("that brings somebody back who has left is seen to do so", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, , cy] = scene.people;
    const ghost = { userId: cy.id, publicKey: ann.person(cy.id).cardText, joinedAt: 1 };
    const arrivals = () => ann.notices("arrived").filter(({ memberId }) => memberId === cy.id);
    await cy.session.leave();
    await ann.learns("left");
    assert.equal(arrivals().length, 1);

    show(scene, (members) => [...members, ghost]);

    await until(() => arrivals().length === 2);
    await assertTheyTalk(scene.people);
  });

  test("that adds somebody behind a broken connection is seen to do so", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann] = scene.people;
    const eve = Identity.create(); // who has the link, as anybody may
    const publicKey = makeCard(ann.session.link, eve, "Eve", Date.now());
    scene.relay.down = (told) => {
      if (told.event !== "ack join-session") return [told];
      const members = [...told.data.members, { userId: eve.id, publicKey, joinedAt: 1 }];
      return [{ ...told, data: { ...told.data, members } }];
    };

    scene.relay.cut(ann.id);

    await until(() => ann.notices("arrived").some(({ memberId }) => memberId === eve.id));
    await assertTheyTalk(scene.people);
  });

  test("that shows a member first without its card, then with it, is seen to add one", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann] = scene.people;
    const eve = Identity.create();
    const publicKey = makeCard(ann.session.link, eve, "Eve", Date.now());

    show(scene, (members) => [...members, { userId: eve.id, publicKey: null, joinedAt: 1 }]);
    await until(() => ann.person(eve.id));
    show(scene, (members) => [...members, { userId: eve.id, publicKey, joinedAt: 1 }]);

    await until(() => ann.notices("arrived").some(({ memberId }) => memberId === eve.id));
  });

  test("that keeps a card back keeps back what its member says only until the card comes", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"], { pace: { ...QUICK, answer: 200 } });
    const [ann, bob] = scene.people;
    const known = new Set([ann.id, bob.id]);
    scene.relay.down = (told) => {
      if (told.event !== "public-keys-updated") return [told];
      const data = told.data.map((/** @type {any} */ one) =>
        known.has(one.userId) ? one : { ...one, publicKey: null },
      );
      return [{ ...told, data }];
    };
    const mallory = await Mallory.join(t, scene.url, scene.company.link);
    await until(() => ann.person(mallory.id) && bob.person(mallory.id)?.card);
    const readers = scene.people.map((one) => one.person(one.id).card);
    const message = await mallory.send(mallory.epoch({ readers: [...readers, mallory.ownCard] }), {
      content: { text: "with keys in it" },
    });
    scene.relay.say(ann.id, "new-message", { ...message, id: "forged", from: mallory.id, seq: 1 });
    await until(() => ann.messages.every(({ reason }) => reason === "no-key"));

    scene.relay.behave();
    show(scene, (members) => members);

    await ann.hears("with keys in it");
    await until(() => ann.alarms.includes("refused: forged"));
  });

  test("that leaves a member out, or says that it has left, is seen to do so", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = scene.people;

    show(scene, (members) => members.filter(({ userId }) => userId !== cy.id));
    await until(() => ann.notices("left").some(({ memberId }) => memberId === cy.id));
    const lie = { userId: bob.id, reason: "removed", timestamp: 1, seq: 9 };
    scene.relay.say(ann.id, "user-left", lie);
    await until(() => ann.notices("left").some(({ memberId }) => memberId === bob.id));
    show(scene, (members) => members);

    await ann.sees(bob, cy);
    assert.deepEqual(ann.notices("removed"), [], "only the creator's word makes somebody removed");
    await assertTheyTalk(scene.people);
  });

  test("that shows us a card that is not ours is seen, and we still read ourselves", async (t) => {
    const scene = await meet(t, ["Ann", "Bob"]);
    const [ann, bob] = scene.people;

    show(scene, withCard(ann.id, ann.person(bob.id).cardText));
    assert.equal((await ann.learns("card-refused")).memberId, ann.id);
    show(scene, (members) => members.filter(({ userId }) => userId !== ann.id));
    ann.session.sendText("to all");
    await bob.hears("to all");
    await until(() => ann.kept.epochs?.length);

    assert.deepEqual(readersOf(ann), [ann.id, bob.id].toSorted());
  });

  test("that keeps back all signs of life of a member makes it silent", async (t) => {
    const scene = await meet(t, ["Ann", "Bob", "Cy"], {
      pace: { ...QUICK, head: 300, silent: 3_000 },
    });
    const [ann, bob] = scene.people;

    // What is for us alone it lets through: that is no sign of life.
    await bob.session.sendFile(new File(["abc"], "small"), { place: "p" });
    const note = (await until(() => ann.message("small"))).content.file;
    scene.relay.down = (told) => {
      const isOfBob = told.event === "signal" && told.data.from === bob.id;
      return isOfBob && told.data.to === null ? [] : [told];
    };
    await ann.session.fetchFile(note.id);
    await until(() => ann.session.transfer(note.id).state === "here");

    assert.equal((await ann.learns("silent")).memberId, bob.id);
    assert.equal(ann.person(bob.id).isSilent, true);
    scene.relay.behave();
    assert.equal((await ann.learns("heard-again")).memberId, bob.id);
    assert.equal(ann.person(bob.id).isSilent, false);
  });
});
