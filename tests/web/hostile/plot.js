/** How most plots begin: people in one session, of whom the first hears all through a hostile relay. */

import { Company } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";
import { Mallory } from "./mallory.js";
import { HostileRelay } from "./relay.js";

/**
 * @param {import("node:test").TestContext} t
 * @param {string[]} names The first one is the creator.
 * @param {Record<string, unknown>} [options] For all sessions.
 * @param {Record<string, unknown>} [settings] Of the server.
 */
export async function meet(t, names, options = {}, settings = {}) {
  const { url } = await startServer(t, { RECONNECT_GRACE_S: 60, ...settings });
  const relay = await HostileRelay.stand(t, url);
  const company = new Company(t, url, options);
  const people = [await (await company.create(names[0], { url: relay.url })).is("connected")];
  for (const name of names.slice(1)) people.push(await (await company.open(name)).is("connected"));
  for (const one of people) await one.sees(...people);
  return { url, relay, company, people };
}

/**
 * Ann, Bob, and Mallory, who has the link.
 *
 * @param {import("node:test").TestContext} t
 * @param {Record<string, unknown>} [options]
 * @param {string[]} [names]
 */
export async function meetMallory(t, options, names = ["Ann", "Bob"]) {
  const scene = await meet(t, names, options);
  const mallory = await Mallory.join(t, scene.url, scene.company.link);
  await until(() => scene.people.every((one) => one.person(mallory.id)?.card));
  return { ...scene, mallory, ann: scene.people[0], bob: scene.people[1] };
}

/**
 * The first two still talk, in private too.
 *
 * @param {import("../scene/people.js").Person[]} people
 */
export async function assertTheyTalk([ann, bob]) {
  ann.session.sendText("still here", bob.id);
  bob.session.sendText("so am I");
  await bob.hears("still here");
  await ann.hears("so am I");
}
