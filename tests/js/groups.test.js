// The lines of the contract of random groups, word for word, with the official client and fetch.
//
//     URL=… JWT_SECRET=… node --test groups.test.js

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, test } from "node:test";
import { io } from "socket.io-client";

const url = process.env.URL;
const secret = process.env.JWT_SECRET;
const sockets = [];
after(() => {
  for (const socket of sockets) socket.disconnect();
});

// A token as another system makes it that has the same secret.
function mint(claims, key = secret) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${head}.${createHmac("sha256", key).update(head).digest("base64url")}`;
}

async function connect(token) {
  const socket = io(url, { auth: { token }, forceNew: true });
  sockets.push(socket);
  socket.heard = [];
  socket.onAny((event, data) => socket.heard.push([event, data]));
  await new Promise((resolve) => socket.on("connect", resolve));
  return socket;
}

function ask(socket, event, payload) {
  return new Promise((resolve) => socket.emit(event, payload, resolve));
}

async function heard(socket, event) {
  const found = () => socket.heard.find(([name]) => name === event);
  for (const start = Date.now(); !found(); ) {
    assert.ok(Date.now() - start < 5_000, `${event} was not heard`);
    await new Promise((resolve) => socket.onAny(resolve));
  }
  return found()[1];
}

const iso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const uuid = /^[0-9a-f-]{36}$/;

test("users of another system, with numbers for ids, do all that the contract shows", async () => {
  const exp = Math.floor(Date.now() / 1000) + 600;
  const alice = await connect(mint({ id: 1, login: "alice", exp }));
  const bob = await connect(mint({ userId: 2, username: "bob" }));

  const first = await ask(alice, "join_random_group", { publicKey: "base64_encoded_key" });
  const second = await ask(bob, "join_random_group", { publicKey: "base64_of_bob" });

  assert.equal(first.success, true);
  assert.equal(first.message, "Successfully joined group");
  const { id: groupId, ...group } = second.group;
  assert.match(groupId, uuid);
  assert.match(group.name, /^[\w #]+ - \d{1,2}:\d\d:\d\d [AP]M$/);
  assert.equal(group.currentMembers, 2);
  assert.ok(group.maxMembers >= 3 && group.maxMembers <= 10);
  const [{ joinedAt, ...member }] = group.members;
  assert.deepEqual(member, { userId: 1, login: "alice", publicKey: "base64_encoded_key" });
  assert.match(joinedAt, iso);
  assert.equal((await heard(alice, "user_joined")).login, "bob");
  assert.equal((await heard(alice, "system_message")).message, "“bob” joined the group");

  const sent = await ask(alice, "send_group_message", {
    groupId,
    encryptedMessage: JSON.stringify({ encryptedData: "…", iv: "…" }),
    messageType: "text",
  });
  assert.equal(sent.success, true);
  assert.match(sent.messageId, uuid);
  assert.match(sent.timestamp, iso);
  for (const person of [alice, bob]) {
    const data = await heard(person, "new_message");
    assert.deepEqual(JSON.parse(data.encryptedContent), { encryptedData: "…", iv: "…" });
    assert.deepEqual(
      [data.id, data.senderId, data.senderLogin, data.timestamp],
      [sent.messageId, 1, "alice", sent.timestamp],
    );
  }

  alice.emit("typing_start", { groupId });
  const typing = await heard(bob, "user_typing");
  assert.deepEqual([typing.login, typing.isTyping], ["alice", true]);

  const { messages } = await ask(bob, "get_group_messages", { groupId, limit: 50 });
  assert.deepEqual(messages, [await heard(bob, "new_message")]);

  const left = await ask(bob, "leave_group", { groupId });
  assert.equal(left.success, true);
  assert.equal((await heard(alice, "user_left")).login, "bob");
});

test("the routes answer as the contract shows", async () => {
  const token = mint({ sub: "7", name: "carol" });
  const json = { "Content-Type": "application/json" };
  const headers = { ...json, Authorization: `Bearer ${token}` };
  const post = (path, body) =>
    fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) });

  const status = await (await fetch(`${url}/`)).json();
  const joined = await (
    await post("/api/groups/join-random", { publicKey: "your_base64_public_key" })
  ).json();
  const groupId = joined.group.id;
  const sent = await (await post("/api/group-messages", { groupId, encryptedMessage: "…" })).json();
  const session = await (await post("/api/users/7/sessions", {})).json();
  const key = await (await fetch(`${url}/api/users/7/public-key`, { headers })).json();
  const { stats } = await (await fetch(`${url}/api/groups/stats`)).json();

  assert.equal(status.name, "Hushwire");
  assert.equal(joined.group.members.at(-1).login, "carol");
  assert.match(sent.messageId, uuid);
  assert.equal(session.bundle.publicKey, "your_base64_public_key");
  assert.equal(key.publicKey, "your_base64_public_key");
  assert.deepEqual(Object.keys(stats), [
    "totalGroups",
    "activeGroups",
    "totalMembers",
    "averageGroupSize",
  ]);
});

test("without a token a connection serves sessions, and groups are refused", async () => {
  const nobody = await connect(undefined);

  const refused = await ask(nobody, "join_random_group", { publicKey: "…" });
  const joined = await ask(nobody, "join-session", {
    sessionId: "s",
    userId: "nobody",
    isCreator: true,
  });

  assert.deepEqual([refused.success, refused.error], [false, "unauthenticated"]);
  assert.equal(joined.success, true);
});

test("a forged token is refused, and the client is told why", async () => {
  const forged = mint({ id: 1, login: "alice" }, "a secret of somebody else");
  const socket = io(url, { auth: { token: forged }, forceNew: true });
  sockets.push(socket);

  const error = await new Promise((resolve) => socket.on("connect_error", resolve));

  assert.equal(error.data.code, "unauthenticated");
});
