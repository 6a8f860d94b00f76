/** Strangers meet through real servers. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { meet, RelayError, Strangers } from "../../../server/web/hushwire.js";
import { checkEvidence } from "../../../server/web/protocol/strangers/evidence.js";
import { Cable } from "../scene/cable.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";
import { Visitor } from "./visitors.js";

describe("strangers at a real server", () => {
  test("meet by one call each, and talk", async (t) => {
    const { url } = await startServer(t);
    const one = await meet({ url, login: "Ann" });
    const other = await meet({ url, login: "Bob" });
    t.after(() => Promise.all([one.leave(), other.leave()]));
    const heard = new Promise((resolve) => {
      other.on("entry", (entry) => entry.type === "message" && resolve(entry));
    });
    await until(() => one.people.length === 2);
    one.send("hello, whoever you are");

    assert.equal((await heard).content.text, "hello, whoever you are");
    assert.equal(one.id, other.id);
    assert.deepEqual(one.people.map(({ name }) => name).toSorted(), ["Ann", "Bob"]);
  });

  test("five talk, one leaves, and cannot read what follows", async (t) => {
    const { url } = await startServer(t);
    const people = await Visitor.gather(t, url, "Ann", "Bob", "Cy", "Di", "Ed");
    for (const [at, one] of people.entries()) one.group.send(`hello ${at}`);
    for (const one of people) {
      const others = people.map((_, at) => `hello ${at}`).filter((_, at) => people[at] !== one);
      await one.hears(...others);
    }
    const [ann, bob, ...rest] = people;
    const epochs = new Set(people.map(({ group }) => group.epoch));
    await bob.group.leave();
    ann.group.send("Bob has gone");
    for (const one of rest) await one.hears("Bob has gone");

    assert.equal(epochs.size, 1);
    assert.ok(ann.epochs.every((epoch, at) => at === 0 || epoch > ann.epochs[at - 1]));
    assert.ok(!bob.heard.includes("Bob has gone"));
    assert.deepEqual(
      people.flatMap(({ alarms }) => alarms),
      [],
    );
    assert.deepEqual(ann.group.groupNumber(), rest[0].group.groupNumber());
    assert.deepEqual(ann.group.safetyNumber(rest[0].id), rest[0].group.safetyNumber(ann.id));
  });

  test("type, and it is seen", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await Visitor.gather(t, url, "Ann", "Bob");
    await ann.group.typing(true);
    await ann.group.typing(false);
    await until(() => bob.typing.length === 2);

    assert.deepEqual(
      bob.typing.map(({ userId, isTyping }) => [userId, isTyping]),
      [
        [ann.id, true],
        [ann.id, false],
      ],
    );
  });

  test("move on to others, with other keys", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await Visitor.gather(t, url, "Ann", "Bob");
    const before = { group: ann.group.id, card: ann.person(ann)?.card?.id };
    const old = ann.group;
    await ann.next();
    await until(() => bob.group.people.some(({ isPresent, isSelf }) => !isPresent && !isSelf));

    assert.notEqual(ann.group.id, before.group);
    assert.notEqual(ann.person(ann)?.card?.id, before.card);
    assert.equal(old.state, "ended");
    assert.throws(() => old.send("hello?"), RangeError);
  });

  test("block, and hear each other no more", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await Visitor.gather(t, url, "Ann", "Bob", "Cy");
    await ann.group.block(cy.id);
    ann.group.send("not for Cy");
    await bob.hears("not for Cy");
    cy.group.send("not for Ann");
    await bob.hears("not for Ann");

    assert.deepEqual(ann.heard, []);
    assert.deepEqual(cy.heard, []);
  });

  test("report, with what was said, and an operator can check it", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await Visitor.gather(t, url, "Ann", "Bob");
    ann.group.send("fine");
    ann.group.send("something bad");
    await bob.hears("fine", "something bad");
    const bad = bob.messages.find(({ content }) => content.text === "something bad");
    const evidence = bob.group.evidence(ann.id, [bad.id]);
    await bob.group.report(ann.id, "was bad", evidence);

    const headers = { authorization: "Bearer operators-token-of-the-tests" };
    const answer = await fetch(`${url}/api/admin/reports`, { headers });
    const { reports } = await answer.json();
    assert.equal(reports.length, 1);
    const { userId, groupId, reason } = reports[0];
    const shown = checkEvidence(reports[0].evidence, groupId, String(userId));
    assert.deepEqual(
      [reason, shown.map(({ content }) => content)],
      ["was bad", [{ text: "something bad" }]],
    );
  });

  test("are told when the time is over for which the server knows them", async (t) => {
    const { url, advance } = await startServer(t, { clock: "manual", SESSION_IDLE_MINUTES: 9_999 });
    const ann = await Visitor.enter(t, url, "Ann");
    await ann.meet();
    await advance(24 * 60 + 1);
    await until(() => ann.group.state === "ended");

    assert.equal(ann.states.at(-1).reason, "token_expired");
    await assert.rejects(ann.strangers.meet(), { code: "token_expired" });
  });

  test("come back after a lost connection, and have missed nothing", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const [ann, bob] = await Visitor.gather(t, url, "Ann", "Bob");
    const cy = await Visitor.enter(t, cable.url, "Cy");
    await cy.meet();
    for (const one of [ann, bob, cy]) await one.hearsOf(ann, bob, cy);
    cable.cut();
    await until(() => cy.group.state === "reconnecting");
    const id = cy.group.send("from afar");
    ann.group.send("while Cy was away");
    await bob.hears("while Cy was away");
    const di = await Visitor.enter(t, url, "Di");
    await di.meet();
    await di.hearsOf(ann, bob);
    bob.group.send("now with Di");
    await di.hears("now with Di");
    cable.mend();
    await cy.hears("while Cy was away", "now with Di");
    await cy.has(id, "sent");
    await ann.hears("from afar");
    await di.hears("from afar");

    assert.deepEqual(
      [ann, bob, cy, di].flatMap(({ alarms }) => alarms),
      [],
    );
    assert.deepEqual(cy.heard, ["while Cy was away", "now with Di"]);
  });

  test("are told when they have been away for too long", async (t) => {
    const server = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const [ann] = await Visitor.gather(t, server.url, "Ann", "Bob");
    await server.restart();

    await until(() => ann.states.some(({ state }) => state === "ended"));
  });

  test("are known by a token, with the id that the relay has for it", async (t) => {
    const { url } = await startServer(t);
    const said = await fetch(`${url}/api/auth/guest`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{}",
    });
    const { token, user } = await said.json();
    const ann = await Visitor.enter(t, url, "ignored", { token });
    await ann.meet();

    assert.equal(ann.id, String(user.id));
  });

  test("whose second page takes the place lose the first, which says so", async (t) => {
    const { url } = await startServer(t);
    const first = await Visitor.enter(t, url, "Ann");
    const bob = await Visitor.enter(t, url, "Bob");
    await first.meet();
    await bob.meet();
    await bob.hearsOf(first);
    const token = first.strangers.token;
    const second = await Visitor.enter(t, url, "Ann", { token });
    await second.meet();
    await first.ends("replaced");
    await bob.sees("key-changed");

    assert.equal(second.group.id, first.group.id);
  });

  test("whose token is none are refused", async (t) => {
    const { url } = await startServer(t);
    await assert.rejects(Strangers.enter({ url, token: "a.b.c" }), RelayError);
  });

  test("are refused where there are no guests", async (t) => {
    const { url } = await startServer(t, { GUESTS: "false" });
    await assert.rejects(Strangers.enter({ url }), (error) => error.code === "forbidden");
  });
});
