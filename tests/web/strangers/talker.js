// Strangers who use the browser's library in Node, at the command of a test; as ../protocol/talker.js.

import { createInterface } from "node:readline";
import { Strangers } from "../../../server/web/hushwire.js";

/** By name. @type {Map<string, {strangers: Strangers, group: any}>} */
const visits = new Map();

const METHODS = {
  enter: async (name, options) => {
    const strangers = await Strangers.enter(options);
    visits.set(name, { strangers, group: null });
    return strangers.user;
  },
  meet: async (name) => follow(name, await visits.get(name).strangers.meet()),
  next: async (name) => follow(name, await visits.get(name).group.next()),
  send: (name, text) => visits.get(name).group.send(text),
  leave: (name) => visits.get(name).group.leave(),
  trust: (name, userId) => visits.get(name).group.trust(userId),
  evidence: (name, userId) => visits.get(name).group.evidence(userId),
  report: (name, userId) => {
    const { group } = visits.get(name);
    return group.report(userId, "as a test", group.evidence(userId));
  },
  numbers: (name, userId) => {
    const { group } = visits.get(name);
    return [group.groupNumber(), group.safetyNumber(userId)];
  },
  people: (name) =>
    visits
      .get(name)
      .group.people.filter(({ isPresent }) => isPresent)
      .map(({ userId, name: login, isHeard, isChanged }) => ({
        userId,
        login,
        isHeard,
        isChanged,
      })),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [number, name, method, args] = JSON.parse(line);
  void answer(number, name, method, args);
}
process.exit();

async function answer(number, name, method, args) {
  try {
    print({ number, result: (await METHODS[method](name, ...args)) ?? null });
  } catch (error) {
    print({ number, error: `${error.stack}` });
  }
}

function follow(name, group) {
  visits.get(name).group = group;
  for (const event of ["state", "entry"]) {
    group.on(event, (data) => print({ session: name, event, data }));
  }
  return { id: group.id, maxMembers: group.maxMembers };
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
