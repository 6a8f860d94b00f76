/** Keys: who can read what, from when on, and who gives keys to whom. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Wants } from "../../../server/web/client/wants.js";
import { Company } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";

/**
 * Ids of whom the own epochs were wrapped for, in the order of their making.
 *
 * @param {import("../scene/people.js").Person} person
 */
function readersOf(person) {
  const own = (person.kept.epochs ?? []).filter((/** @type {any} */ { readers }) => readers.length);
  return own.map((/** @type {any} */ { readers }) =>
    readers.map((/** @type {[string, number]} */ [id]) => id).toSorted(),
  );
}

describe("keys", { concurrency: true }, () => {
  test("a newcomer cannot read back, but reads on", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    ann.session.sendText("before Cy");
    bob.session.sendText("also before");
    await ann.hears("also before");
    await bob.hears("before Cy");

    const cy = await (await company.open("Cy")).is("connected");
    await ann.sees(cy);
    ann.session.sendText("after Cy");

    await cy.hears("after Cy");
    assert.deepEqual(cy.heard, ["after Cy"]);
    await until(() => cy.messages.filter(({ reason }) => reason === "no-key").length === 2);
    assert.deepEqual(cy.alarms, []);
  });

  test("a long history of people who have left is no alarm to a newcomer", async (t) => {
    const settings = { MAX_SESSION_HISTORY_MESSAGES: 2_000, RATE_LIMITS: "off" };
    const { url } = await startServer(t, settings);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    const ids = Array.from({ length: 250 }, (_, at) => bob.session.sendText(`old ${at}`));
    await bob.has(ids[249], "sent");
    await bob.session.leave();
    await ann.learns("left");

    const cy = await (await company.open("Cy")).is("connected");

    const unreadable = () => cy.messages.filter(({ reason }) => reason === "no-key");
    await until(() => unreadable().length === 250);
    assert.deepEqual(cy.alarms, []);
  });

  test("who comes back after a newcomer has seen its words of before alarms nobody", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    for (const text of ["one", "two"]) bob.session.sendText(text);
    await ann.hears("two");
    bob.vanish();
    await ann.learns("lost");

    const cy = await (await company.open("Cy")).is("connected");
    const back = await company.restore(bob).is("connected");
    await back.sees(cy);
    back.session.sendText("three");

    await cy.hears("three");
    assert.deepEqual(cy.alarms, []);
    assert.equal(cy.message("three").isLate, false);
  });

  test("with shared history a newcomer reads all, also of those who have left", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann", { sharesHistory: true })).is("connected");
    const [bob, cy] = [await company.open("Bob"), await company.open("Cy")];
    for (const one of [bob, cy]) await one.is("connected");
    for (const one of [ann, bob, cy]) await one.sees(ann, bob, cy);
    for (const text of ["one", "two"]) bob.session.sendText(text);
    ann.session.sendText("for Bob", bob.id);
    await cy.hears("one", "two");
    await bob.hears("for Bob");
    await bob.session.leave();
    await cy.learns("left");
    ann.session.sendText("three");
    await cy.hears("three");

    const dan = await (await company.open("Dan")).is("connected");
    await dan.hears("one", "two", "three");

    assert.deepEqual(
      dan.messages.map(({ content, status }) => [content?.text, status]),
      [
        ["one", "received"],
        ["two", "received"],
        ["three", "received"],
      ],
    );
    assert.equal(dan.person(bob.id).card.name, "Bob");
    assert.deepEqual(dan.alarms, []);
  });

  test("keys change when somebody comes, and when somebody goes", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    ann.session.sendText("two of us");
    ann.session.sendText("still two");
    await bob.hears("still two");

    const cy = await (await company.open("Cy")).is("connected");
    await ann.sees(cy);
    ann.session.sendText("three of us");
    await cy.hears("three of us");
    await ann.session.remove(cy.id);
    ann.session.sendText("two again");
    await bob.hears("two again");

    const two = [ann.id, bob.id].toSorted();
    await until(() => readersOf(ann).length >= 3);
    assert.deepEqual(readersOf(ann), [two, [...two, cy.id].toSorted(), two]);
  });

  test("who has lost its keys is given those that were for it", async (t) => {
    // The history has no longer the first message of the epoch, which brought the keys.
    const { url } = await startServer(t, {
      RECONNECT_GRACE_S: 60,
      MAX_SESSION_HISTORY_MESSAGES: 1,
    });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    ann.session.sendText("with keys");
    ann.session.sendText("without keys");
    await bob.hears("without keys");
    await until(() => bob.kept.epochs?.length);

    bob.vanish();
    delete bob.kept.epochs;
    const again = await company.restore(bob).is("connected");

    await again.hears("without keys");
    assert.deepEqual(again.heard, ["without keys"]);
    assert.deepEqual(again.alarms, []);
  });

  test("keys that a stranger makes up put out none of those that a member's messages want", () => {
    const wants = new Wants();
    wants.add("of Bob", "bob", false);
    const gone = Array.from({ length: 2_000 }, (_, at) =>
      wants.add(`key ${at}`, `eve ${at}`, true),
    );
    for (let at = 0; at < 2_000; at++) gone.push(wants.add(`of Mallory ${at}`, "mallory", false));

    assert.deepEqual(
      wants.of("of Bob").map(({ senderId }) => senderId),
      ["bob"],
    );
    assert.ok(wants.all.length < 2_000, `${wants.all.length}`);
    const told = gone.filter((one) => one !== undefined).length;
    assert.equal(told + wants.all.length, 4_001, "none is forgotten in silence");
    wants.add("key 1999", "eve 1999", false);
    assert.equal(wants.all.filter(({ id }) => id === "key 1999").length, 1);
  });

  test("a key that nobody has is not waited for, and not asked of those who may not give it", async (t) => {
    const { url } = await startServer(t, { MAX_SESSION_HISTORY_MESSAGES: 1 });
    const company = new Company(t, url);
    const [ann, bob] = await company.gather("Ann", "Bob");
    bob.session.sendText("with keys");
    bob.session.sendText("without keys");
    await ann.hears("without keys");
    await bob.session.leave();
    await ann.learns("left");

    const cy = await (await company.open("Cy")).is("connected");

    const entry = await until(() => cy.messages.find(({ status }) => status === "unreadable"));
    assert.deepEqual([entry.reason, entry.senderId], ["no-key", bob.id]);
    assert.deepEqual(cy.alarms, []);
  });
});
