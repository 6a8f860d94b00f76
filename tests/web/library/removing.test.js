/** Removing a member: the others hear it of the creator, and the relay is asked until it has done its part. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OfflineError } from "../../../server/web/hushwire.js";
import { meet } from "../hostile/plot.js";
import { Cable } from "../scene/cable.js";
import { Company } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";

/**
 * Ann, who is the creator and can be cut off, and two others.
 *
 * @param {import("node:test").TestContext} t
 */
async function gather(t) {
  const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
  const cable = await Cable.lay(t, url);
  const company = new Company(t, url);
  const ann = await (await company.create("Ann", { url: cable.url })).is("connected");
  const [bob, cy] = [await company.open("Bob"), await company.open("Cy")];
  for (const one of [ann, bob, cy]) await one.is("connected");
  for (const one of [ann, bob, cy]) await one.sees(ann, bob, cy);
  return { company, cable, ann, bob, cy };
}

/**
 * Let the relay answer for itself when it is asked to remove somebody.
 *
 * @param {any} relay
 * @param {(nth: number) => any} answerOf What it says; nothing to ask the server; null to say nothing at all.
 * @returns {() => number} How often it was asked.
 */
function answerRemovals(relay, answerOf) {
  let count = 0;
  relay.up = (/** @type {any} */ asked) => {
    if (asked.event !== "remove-member") return asked;
    const answer = answerOf(++count);
    if (answer === null) return null;
    return answer ? { ...asked, answer } : asked;
  };
  return () => count;
}

/** @param {import("../scene/people.js").Person} person */
async function isOut(person) {
  await person.is("ended");
  assert.equal(person.states.at(-1).reason, "removed");
}

describe("removing a member", { concurrency: true }, () => {
  test("who is removed while the creator is offline is out when it is back", async (t) => {
    const { cable, ann, bob, cy } = await gather(t);
    cable.cut();
    await ann.is("reconnecting");

    const removing = ann.session.remove(cy.id);
    assert.equal(ann.person(cy.id).isRemoved, true);
    cable.mend();

    await removing;
    await isOut(cy);
    assert.equal((await bob.learns("removed")).memberId, cy.id);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("who is removed while the creator is offline is out after its reload", async (t) => {
    const { company, cable, ann, bob, cy } = await gather(t);
    cable.cut();
    await ann.is("reconnecting");
    const removing = assert.rejects(ann.session.remove(cy.id), OfflineError);
    await until(() => ann.kept.sender?.drafts.length);
    const kept = structuredClone(ann.kept);
    // The page goes away at once: only what was to be sent is kept of it.
    delete kept.roster;
    ann.vanish();
    await removing;

    ann.kept = kept;
    const again = company.restore(ann);
    assert.equal(again.person(cy.id).isRemoved, true);

    await isOut(cy);
    assert.equal((await bob.learns("removed")).memberId, cy.id);
    assert.deepEqual([...again.alarms, ...bob.alarms], []);
  });

  test("a reload between the word to the others and that to the relay forgets neither", async (t) => {
    const { relay, company, people } = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = people;
    const asked = answerRemovals(relay, () => null);
    const removing = assert.rejects(ann.session.remove(cy.id), OfflineError);
    await bob.learns("removed");
    await until(() => asked() === 1 && ann.kept.sender.drafts.length === 0);

    relay.behave();
    const again = company.restore(ann.vanish());
    await removing;

    await isOut(cy);
    await until(() => !again.person(cy.id).isPresent);
    assert.equal(bob.notices("removed").length, 1);
  });

  test("a relay that has no time for it is asked again", async (t) => {
    const { relay, people } = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, , cy] = people;
    const busy = { success: false, error: "rate_limited", message: "", retryAfterMs: 5 };
    const asked = answerRemovals(relay, (nth) => (nth < 3 ? busy : undefined));

    await ann.session.remove(cy.id);

    await isOut(cy);
    assert.equal(asked(), 3);
    const events = relay.asked.filter(({ who }) => who === ann.id).map(({ event }) => event);
    assert.ok(events.indexOf("send-message") < events.indexOf("remove-member"));
  });

  test("an answer that was lost with the line is no failure", async (t) => {
    const { relay, people } = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, , cy] = people;
    relay.down = (told) => {
      if (told.event !== "ack remove-member") return [told];
      relay.behave();
      relay.cut(ann.id);
      return [];
    };

    await ann.session.remove(cy.id);

    await isOut(cy);
    assert.deepEqual(ann.alarms, []);
  });

  test("a relay that no longer has the member has nothing to refuse", async (t) => {
    const { relay, people } = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = people;
    const gone = { success: false, error: "recipient_not_found", message: "" };
    answerRemovals(relay, () => gone);

    await ann.session.remove(cy.id);

    assert.equal((await bob.learns("removed")).memberId, cy.id);
  });

  test("a relay that refuses for good is asked once, and the refusal is told", async (t) => {
    const { relay, people } = await meet(t, ["Ann", "Bob", "Cy"]);
    const [ann, bob, cy] = people;
    const refusal = { success: false, error: "forbidden", message: "" };
    const asked = answerRemovals(relay, () => refusal);

    await assert.rejects(ann.session.remove(cy.id), { code: "forbidden" });
    relay.cut(ann.id);
    await ann.is("reconnecting");
    await ann.is("connected");
    await bob.session.rename("Robert");
    await until(() => ann.person(bob.id).card.name === "Robert");

    assert.equal(asked(), 1);
    assert.equal(ann.person(cy.id).isRemoved, true);
  });

  test("who is away when it is removed is put out when it comes", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const [ann, bob, cy] = await company.gather("Ann", "Bob", "Cy");
    cy.vanish();
    await ann.learns("lost");

    await ann.session.remove(cy.id);
    await bob.learns("removed");
    const again = company.restore(cy);

    await isOut(again);
  });

  test("after the end of a session nobody is removed, and it is said so", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");
    ann.session.close();

    await assert.rejects(ann.session.remove(bob.id), OfflineError);
  });
});
