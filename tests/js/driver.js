// Plays scenarios with an official Socket.IO client and prints what everybody in them saw.
//
//     node driver.js URL 4|3 TRANSPORTS SCENARIO…
//
// TRANSPORTS is as the client takes it, joined by commas. All scenarios run at once, each in
// sessions of its own. A line of the output is a JSON array [scenario, who, what, data], where
// `what` is the name of an event, "connect", "disconnect" (its reason), "ack EVENT" or, of
// `fetch`, the path. The last line of a scenario is [scenario, null, "played" or "failed", why].
// Binary is printed as {"base64": "…"}.

import { scenarios as identity } from "./identity.js";
import { scenarios as namespaces } from "./namespaces.js";
import { Stage } from "./people.js";
import { scenarios as recovery } from "./recovery.js";
import { scenarios as sessions } from "./scenarios.js";

const scenarios = { ...sessions, ...identity, ...namespaces, ...prefixed("recovery", recovery) };
const [url, version, transports, ...names] = process.argv.slice(2);
const { io } = await import(version === "3" ? "socket.io-client-3" : "socket.io-client");

await Promise.all(names.map(play));
process.exit();

async function play(name) {
  let isOver = false;
  const note = (who, what, data) => isOver || print([name, who, what, data ?? null]);
  const stage = new Stage(url, io, transports.split(","), note);
  let ending = ["played", null];
  try {
    await scenarios[name](stage);
  } catch (error) {
    ending = ["failed", error.message];
  }
  isOver = true;
  stage.clear();
  print([name, null, ...ending]);
}

function prefixed(prefix, named) {
  return Object.fromEntries(Object.entries(named).map(([name, one]) => [`${prefix}.${name}`, one]));
}

function print(line) {
  process.stdout.write(JSON.stringify(plain(line)) + "\n");
}

function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const { buffer = value, byteOffset, byteLength } = value;
    return { base64: Buffer.from(buffer, byteOffset, byteLength).toString("base64") };
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]));
  }
  return value;
}
