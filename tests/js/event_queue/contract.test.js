// The contract's own lines, played against the server whose nodes stand in SERVER_URLS, with
// nothing but the fetch and the WebSocket that Node and browsers bring. Where the text says
// nothing, a comment that begins with "Contract:" says what is done.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

const urls = process.env.SERVER_URLS.split(",");
const idTokens = JSON.parse(process.env.ID_TOKENS);
const LIMIT_MS = 10_000;

class Client {
  constructor() {
    this.turn = 0;
    this.known = new Set(); // "Clients must deduplicate using event_id"
    this.frames = [];
    this.events = [];
    this.wake = () => {};
  }

  url() {
    return urls[this.turn++ % urls.length];
  }

  async ask(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const answer = await fetch(this.url() + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  }

  async register(name) {
    // Contract: the fields of POST /api/register are not told.
    const { status, body } = await this.ask("POST", "/api/register", {
      id_token: idTokens[name],
      public_key: `key of ${name}`,
    });
    this.token = body.access_token;
    this.userId = body.user.user_id;
    return status;
  }

  async connect() {
    // Contract: its bare line has no token; outside of browsers there is no cookie either.
    const address = `${this.url().replace("http", "ws")}/ws/${this.userId}?token=${this.token}`;
    this.ws = new WebSocket(address);
    this.closed = new Promise((done) => this.ws.addEventListener("close", (e) => done(e.code)));
    this.ws.addEventListener("message", ({ data }) => this.hear(JSON.parse(data)));
    await new Promise((done) => this.ws.addEventListener("open", done));
  }

  async disconnect() {
    this.ws.close();
    await this.closed;
  }

  hear(frame) {
    this.frames.push(frame);
    if (frame.event_id && !this.known.has(frame.event_id)) {
      this.known.add(frame.event_id);
      this.events.push(frame);
    }
    this.wake();
  }

  // Contract: an ACK has no answer; but what was let go does not come any more, before the next.
  async comesBackUntilGone(id, next) {
    const end = Date.now() + LIMIT_MS;
    do {
      assert.ok(Date.now() < end, `still comes: ${id}`);
      await this.disconnect();
      this.frames = [];
      await this.connect();
      await this.take(this.frames, (one) => one.event_id === next);
    } while (this.frames.some((one) => one.event_id === id));
  }

  say(frame) {
    this.ws.send(JSON.stringify(frame));
  }

  acknowledge(event) {
    this.say({ type: "ACK", event_id: event.event_id, recipient_id: this.userId });
  }

  // The first of what was heard and not yet taken that fits.
  async take(heard, fits) {
    const end = Date.now() + LIMIT_MS;
    for (;;) {
      const at = heard.findIndex(fits);
      if (at >= 0) return heard.splice(at, 1)[0];
      assert.ok(Date.now() < end, `not heard: ${fits}`);
      await new Promise((done) => {
        const timer = setTimeout(done, LIMIT_MS);
        this.wake = () => {
          clearTimeout(timer);
          done();
        };
      });
    }
  }

  next(type) {
    return this.take(this.events, (one) => one.event_type === type);
  }

  async pong() {
    this.say({ type: "ping" });
    return this.take(this.frames, (one) => one.type === "pong");
  }
}

describe("the contract's client", () => {
  const alice = new Client();
  const bob = new Client();
  let groupId;

  after(() => {
    for (const { ws } of [alice, bob]) ws?.close();
  });

  const send = (id, to) =>
    alice.ask("POST", "/api/events", {
      event_type: "MESSAGE",
      event_id: id,
      metadata: { chat_id: "chat_789" },
      encrypted_payload: "c2VjcmV0",
      ...to,
    });

  test("registers, and finds the others and their keys", async () => {
    assert.equal(await alice.register("alice"), 201);
    assert.equal(await bob.register("bob"), 201);
    assert.equal(await bob.register("bob"), 200);
    assert.equal((await alice.ask("GET", "/api/users/me")).body.user_id, alice.userId);
    const { body } = await alice.ask("GET", "/api/users/search?q=bob");
    assert.equal(body.users[0].user_id, bob.userId);
    const one = await alice.ask("GET", `/api/users/${bob.userId}/public-key`);
    assert.equal(one.body.public_key, "key of bob");
    const many = await alice.ask("POST", "/api/users/public-keys", { user_ids: [bob.userId] });
    assert.deepEqual(many.body.public_keys, { [bob.userId]: "key of bob" });
  });

  test("gets what waited, and then what comes, as the example has it", async () => {
    await send("one", { recipient_id: bob.userId });
    await bob.connect();
    await send("two", { recipient_id: bob.userId });
    for (const [index, id] of ["one", "two"].entries()) {
      const event = await bob.next("MESSAGE");
      assert.deepEqual(
        { ...event, timestamp: typeof event.timestamp },
        {
          event_id: id,
          recipient_id: bob.userId,
          sender_id: alice.userId,
          event_type: "MESSAGE",
          sequence: index + 1,
          timestamp: "number",
          metadata: { chat_id: "chat_789" },
          encrypted_payload: "c2VjcmV0",
        },
      );
    }
    assert.deepEqual(await bob.pong(), { type: "pong" });
  });

  test("gets again what it did not acknowledge, and knows it by its id", async () => {
    bob.acknowledge({ event_id: "one" });
    await bob.comesBackUntilGone("one", "two");
    bob.acknowledge({ event_id: "two" });
    assert.deepEqual(bob.events, []);
    await bob.disconnect();
    await send("two", { recipient_id: bob.userId }); // once more
    await bob.connect();
    await send("three", { recipient_id: bob.userId });
    const event = await bob.next("MESSAGE");
    assert.equal(event.event_id, "three");
    assert.equal(event.sequence, 3);
    bob.acknowledge(event);
  });

  test("talks in a group, whose key changes with its members", async () => {
    await alice.connect();
    const made = await alice.ask("POST", "/api/groups", { name: "tea" });
    assert.equal(made.status, 201);
    groupId = made.body.group_id;
    assert.equal((await alice.next("KEY_ROTATION")).metadata.epoch, 1);
    const wish = { user_id: bob.userId };
    await alice.ask("POST", `/api/groups/${groupId}/members`, wish);
    for (const one of [alice, bob]) {
      const { metadata } = await one.next("KEY_ROTATION");
      assert.equal(metadata.epoch, 2);
      assert.deepEqual(metadata.members.toSorted(), [alice.userId, bob.userId].toSorted());
    }
    await send("four", { group_id: groupId });
    assert.equal((await bob.next("MESSAGE")).event_id, "four");
    const { body } = await bob.ask("GET", "/api/groups");
    assert.equal(body.groups[0].group_id, groupId);
    assert.equal((await bob.ask("GET", `/api/groups/${groupId}`)).body.key_epoch, 2);
  });

  test("is told when it is out of the group", async () => {
    await alice.ask("DELETE", `/api/groups/${groupId}/members/${bob.userId}`);
    assert.equal((await bob.next("MEMBER_REMOVED")).metadata.group_id, groupId);
    assert.equal((await alice.next("KEY_ROTATION")).metadata.epoch, 3);
    assert.equal((await bob.ask("GET", `/api/groups/${groupId}`)).status, 404);
  });

  test("is not let in as somebody else", async () => {
    const mallory = Object.assign(new Client(), { token: alice.token, userId: bob.userId });
    await mallory.connect();
    assert.equal(await mallory.closed, 4403);
  });
});
