// What happens to people whose connection drops, and who come back by themselves.
//
// "state" notes a connection as its client sees it: {id, recovered, pid, offset}. "offsets" are
// the last arguments of what somebody heard.

import { opaqueValues } from "./scenarios.js";

const AWAY = { reconnection: false };
const RETRIES = { retries: 5, ackTimeout: 10_000 };

export const scenarios = {
  async missing(stage) {
    const { alice, bob, carol } = await three(stage, "missing");
    await alice.send("missing", "before the drop");
    await carol.next("new-message");
    await drop(carol);
    for (const encrypted of opaqueValues) {
      await alice.send("missing", encrypted);
    }
    await alice.send("missing", "for carol", { to: "carol" });
    await alice.send("missing", "for bob", { to: "bob" });
    await bob.ask("typing-start", { sessionId: "missing" });
    await bob.ask("file-downloaded", { sessionId: "missing", fileName: "f" });
    const dave = await stage.meet("dave");
    await dave.join("missing");
    await dave.ask("leave-session", { sessionId: "missing" });
    await comeBack(carol);
    await alice.send("missing", "after the drop");
    await carol.next("new-message", opaqueValues.length + 3);
    await carol.send("missing", "carol is here");
    await bob.next("new-message", opaqueValues.length + 4);
  },

  async nothing(stage) {
    const { alice, carol } = await three(stage, "nothing");
    await drop(carol);
    await comeBack(carol);
    await alice.send("nothing", "after the drop");
    await carol.next("new-message");
  },

  async off(stage) {
    const { carol } = await three(stage, "off");
    await drop(carol);
    await comeBack(carol);
  },

  // Nothing had come before the drop, and something came meanwhile.
  async first(stage) {
    const { alice, carol } = await three(stage, "first");
    await drop(carol);
    await alice.send("first", "the first");
    await comeBack(carol);
    await carol.next("new-message");
  },

  async twice(stage) {
    const { alice, carol } = await three(stage, "twice");
    for (const time of [1, 2, 3]) {
      await drop(carol);
      await alice.send("twice", `while away ${time}`);
      await comeBack(carol);
      await carol.next("new-message", time);
    }
  },

  async several(stage) {
    const rooms = ["several-1", "several-2", "several-3"];
    const alice = await stage.meet("alice");
    const carol = await stage.meet("carol", AWAY);
    for (const room of rooms) {
      await alice.join(room, { isCreator: true });
      await carol.join(room);
    }
    for (const text of ["one", "two", "three"]) {
      for (const room of rooms) await alice.send(room, `${room} ${text}`);
    }
    await carol.next("new-message", 9);
    await carol.ask("leave-session", { sessionId: "several-3" });
    await alice.send("several-2", "several-2 four");
    await carol.next("new-message", 10);
    await drop(carol);
    for (const room of rooms) await alice.send(room, `${room} missed`);
    await comeBack(carol);
    await carol.next("new-message", 12);
    await carol.send("several-1", "still in the first");
    await carol.send("several-3", "in the third no more");
  },

  // The server does not notice the drop.
  async halfOpen(stage) {
    const { alice, bob, carol } = await three(stage, "halfOpen");
    await alice.send("halfOpen", "before the drop");
    await carol.next("new-message");
    const gone = carol.socket.io.engine;
    freeze(carol);
    await alice.send("halfOpen", "into the void");
    await comeBack(carol);
    await carol.next("new-message", 2);
    await alice.send("halfOpen", "after the drop");
    await carol.next("new-message", 3);
    await carol.send("halfOpen", "carol is here");
    await bob.next("new-message", 4);
    gone.frozen?.terminate();
  },

  async declining(stage) {
    const { alice, carol } = await three(stage, "declining", { auth: { recover: false } });
    await alice.send("declining", "before the drop");
    await carol.next("new-message");
    await drop(carol);
    await comeBack(carol);
  },

  async leaving(stage) {
    const { alice, carol } = await three(stage, "leaving");
    state(carol);
    const pid = carol.socket._pid;
    carol.socket.disconnect();
    await alice.next("user-left");
    carol.socket._pid = pid;
    await comeBack(carol);
  },

  // Put out while away: nobody gives that back.
  async removed(stage) {
    const { alice, bob, carol } = await three(stage, "removed");
    await drop(carol);
    await alice.ask("remove-member", { sessionId: "removed", userId: "carol" });
    await comeBack(carol);
    await bob.next("user-left");
  },

  async locked(stage) {
    const { alice, carol } = await three(stage, "locked");
    await drop(carol);
    await alice.ask("lock-session", { sessionId: "locked", locked: true });
    await comeBack(carol);
    await carol.send("locked", "carol is here");
  },

  async onceOnly(stage) {
    const { alice, carol } = await three(stage, "onceOnly");
    await drop(carol);
    const thief = stage.knock("thief", { ...AWAY, auth: { pid: carol.socket._pid } });
    await thief.next("connect");
    state(thief);
    carol.socket._pid = "A".repeat(43);
    await comeBack(carol);
    await alice.send("onceOnly", "after the drop");
    await thief.next("new-message");
  },

  // A client with `retries` gets no answer, and says it again when it is back.
  async retrying(stage) {
    const { alice, carol } = await three(stage, "retrying", RETRIES);
    await sayUnheard(carol, alice, 1, "without an id");
    await sayUnheard(carol, alice, 2, "with an id", { id: "m1" });
    await sayUnheard(carol, alice, 3, { raw: new Uint8Array([1, 2, 3]) });
    // These are no retries: the first was answered.
    await carol.send("retrying", "twice");
    await carol.send("retrying", "twice");
    await carol.send("retrying", "the end");
    await alice.next("new-message", 6);
  },

  // There is no grace here: who is lost leaves.
  async putOut(stage) {
    const { alice, bob, carol } = await three(stage, "putOut", { publicKey: "carol's key" });
    await drop(carol);
    await bob.next("user-left");
    await alice.send("putOut", "while carol is out");
    await comeBack(carol);
    await bob.next("user-joined");
    await carol.next("public-keys-updated", 2);
    await carol.send("putOut", "carol is here");
    await bob.next("new-message", 2);
  },
};

// Carol says something; her line drops after that was relayed, and before she hears any answer.
async function sayUnheard(carol, alice, times, encrypted, more) {
  carol.socket.io.engine.transport.removeAllListeners("packet");
  const said = carol.send("retrying", encrypted, more);
  await alice.next("new-message", times);
  await drop(carol);
  await comeBack(carol);
  await said;
}

async function three(stage, sessionId, { publicKey, ...options } = {}) {
  const alice = await stage.meet("alice");
  await alice.join(sessionId, { isCreator: true, publicKey: "alice's key" });
  const bob = await stage.meet("bob");
  await bob.join(sessionId);
  const carol = await stage.meet("carol", { ...AWAY, ...options });
  await carol.settle();
  await carol.join(sessionId, { publicKey, displayName: "Carol" });
  await Promise.all([alice.next("user-joined", 2), bob.next("user-joined")]);
  return { alice, bob, carol };
}

function state({ stage, who, socket }) {
  const { id, recovered, _pid: pid, _lastOffset: offset } = socket;
  stage.note(who, "state", { id, recovered: recovered ?? null, pid, offset });
}

async function drop(person) {
  state(person);
  const { engine } = person.socket.io;
  const { transport } = engine;
  const times = (person.counts.disconnect ?? 0) + 1;
  if (transport.ws) {
    transport.ws.terminate();
  } else {
    // The server hears that the transport ends, and no goodbye of Socket.IO's.
    engine._onClose("transport error");
  }
  await person.next("disconnect", times);
}

async function comeBack(person) {
  person.socket.connect();
  await person.next("connect", (person.counts.connect ?? 0) + 1);
  await person.settle();
  state(person);
}

// The client is cut off from its connection, which stays open.
function freeze(person) {
  state(person);
  const { engine } = person.socket.io;
  const { transport } = engine;
  const { ws } = transport;
  if (ws) {
    ws.onmessage = ws.onclose = ws.onerror = () => {};
    transport.ws = { close() {} };
    engine.frozen = ws;
  } else {
    transport.doClose = () => {};
    transport.doPoll = () => {};
    transport.onData = () => {};
  }
  engine._onClose("transport error");
}
