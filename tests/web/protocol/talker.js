// Sessions of the browser's library in Node, at the command of a test.
//
// A line of the input is [number, session, method, arguments]; of the output {number, result} or
// {number, error}, or of what a session tells {session, event, data}.

import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { Session } from "../../../server/web/hushwire.js";

const EVENTS = ["state", "entry", "downloaded"];

/** By name: a session, and what it has kept for after a reload. */
const talks = new Map();

const METHODS = {
  create: async (name, options) => begin(name, (vault) => Session.create({ ...options, vault })),
  open: async (name, link, options) =>
    begin(name, (vault) => Session.open(link, { ...options, vault })),
  // As a page that is closed, and opened again.
  reload: async (name, url) => {
    const { session, kept } = talks.get(name);
    session.close();
    begin(name, (vault) => Session.restore(Object.fromEntries(kept), { url, vault }), kept);
  },
  sendText: ({ session }, ...args) => session.sendText(...args),
  sendFile: ({ session }, name, bytes, audience) => {
    const file = new File([Buffer.from(bytes, "base64")], name, { type: "text/plain" });
    return session.sendFile(file, { place: name, audience });
  },
  fetchFile: async ({ session }, fileId) => {
    const here = new Promise((resolve) => {
      session.on(
        "transfer",
        ({ fileId: id, state }) => id === fileId && state === "here" && resolve(),
      );
    });
    await session.fetchFile(fileId);
    await here;
    const digest = createHash("sha256");
    for (const part of await session.openFile(fileId)) digest.update(part);
    return digest.digest("hex");
  },
  remove: ({ session }, memberId) => session.remove(memberId),
  safetyNumber: ({ session }, memberId) => session.safetyNumber(memberId),
  people: ({ session }) =>
    session.people.map(({ id, card, isPresent }) => ({ id, name: card?.name ?? null, isPresent })),
  leave: ({ session }) => session.leave(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const [number, name, method, args] = JSON.parse(line);
  void answer(number, name, method, args);
}
process.exit();

async function answer(number, name, method, args) {
  const isBeginning = ["create", "open", "reload"].includes(method);
  try {
    const result = await METHODS[method](isBeginning ? name : talks.get(name), ...args);
    print({ number, result: result ?? null });
  } catch (error) {
    print({ number, error: `${error.stack}` });
  }
}

async function begin(name, make, kept = new Map()) {
  const vault = {
    keep: async (part, value) => void kept.set(part, structuredClone(value)),
    forget: async () => kept.clear(),
  };
  const session = await make(vault);
  talks.set(name, { session, kept });
  for (const event of EVENTS) {
    session.on(event, (data) => print({ session: name, event, data }));
  }
  session.connect();
  return { id: session.id, fragment: session.link.fragment };
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
