// What people do in sessions. What they must see stands in the Python tests.

const bytes = (...numbers) => new Uint8Array(numbers).buffer;

// Values that a page's cryptography makes: base64, JWK, {iv, data}, and binary of every kind.
export const opaqueValues = [
  "b64:3q2+7w==",
  { kty: "EC", crv: "P-256", x: "f83OJ3D2", y: "x_FEzRu9", ext: true, key_ops: [] },
  { iv: [0, 255, 17], data: "Zm9v", nested: { deep: [null, 1.5, -0.25, "ü😀"] } },
  bytes(0, 1, 2, 254, 255),
  Buffer.from([7, 8, 9]),
  new Uint8Array([0, 0, 0]),
  { iv: bytes(1, 2, 3), data: Buffer.from([4, 5]), parts: [bytes(6), { tag: bytes() }] },
];

export const scenarios = {
  async transport(stage) {
    const alice = await stage.meet("alice");
    stage.note("alice", "transport", await alice.settle());
    await alice.join("transport", { isCreator: true });
  },

  async reserving(stage) {
    const path = "/api/reserve-session";
    await stage.post(path, { sessionId: "abc123", authKey: "xyz789" });
    await stage.post(path, { sessionId: "abc123", authKey: "xyz789" });
    await stage.post(path, { sessionId: "abc123", authKey: "another" });
    const bob = await stage.meet("bob");
    await bob.join("abc123:xyz789");
    const alice = await stage.meet("alice");
    await alice.join("abc123", { authKey: "xyz789", isCreator: true, displayName: "Alice" });
    await bob.next("user-joined");
    await bob.next("public-keys-updated", 2);
  },

  // The contract's own lines, without a single acknowledgement asked for.
  async documented(stage) {
    const sessionId = "documented";
    const authKey = "xyz789";
    const alice = await stage.meet("alice");
    alice.tell("join-session", {
      sessionId,
      userId: "alice",
      displayName: "Alice",
      publicKey: "pk-a",
      isCreator: true,
      authKey,
    });
    await alice.next("messages-history");
    const bob = await stage.meet("bob");
    bob.tell("join-session", {
      sessionId: `${sessionId}:${authKey}`,
      userId: "bob",
      displayName: "Bob",
      publicKey: "pk-b",
      isCreator: false,
    });
    await bob.next("messages-history");
    bob.tell("save-public-key", {
      sessionId,
      userId: "bob",
      publicKey: "pk-b2",
      displayName: "Bo",
    });
    await alice.next("public-keys-updated", 3);
    alice.tell("get-public-keys", { sessionId, userId: "alice" });
    await alice.next("public-keys-updated", 4);
    alice.tell("send-message", {
      sessionId,
      from: "alice",
      to: "bob",
      encrypted: "c1ph3r",
      originalContent: "SECRET",
      type: "text",
    });
    await bob.next("new-message");
    await alice.next("message-sent");
    bob.tell("leave-session", { sessionId, userId: "bob" });
    await alice.next("public-keys-updated", 5);
  },

  async keys(stage) {
    const { alice, bob } = await pair(stage, "keys");
    for (const [index, publicKey] of opaqueValues.entries()) {
      await bob.ask("save-public-key", { sessionId: "keys", userId: "bob", publicKey });
      await alice.next("public-keys-updated", 3 + index);
    }
    await alice.ask("get-public-keys", { sessionId: "keys", userId: "alice" });
    const carol = await stage.meet("carol");
    await carol.join("keys", { publicKey: { raw: bytes(1, 2) } });
    await bob.next("user-joined");
  },

  async ciphertexts(stage) {
    const { alice, bob } = await pair(stage, "ciphertexts");
    for (const encrypted of opaqueValues) {
      await alice.send("ciphertexts", encrypted, { to: "all", originalContent: "SECRET" });
    }
    await bob.next("new-message", opaqueValues.length);
    const carol = await stage.meet("carol");
    await carol.join("ciphertexts");
  },

  async everybody(stage) {
    const { alice, bob } = await pair(stage, "everybody");
    const carol = await stage.meet("carol");
    await carol.join("everybody");
    for (const to of [undefined, null, "", "all"]) {
      await alice.send("everybody", "hello", { to, type: "greeting" });
    }
    await bob.next("new-message", 4);
    await carol.next("new-message", 4);
  },

  async privately(stage) {
    const { alice, bob } = await pair(stage, "privately");
    const carol = await stage.meet("carol");
    await carol.join("privately");
    await alice.send("privately", "for bob", { to: "bob" });
    await alice.send("privately", "for nobody", { to: "zoe" });
    await alice.send("privately", "for all");
    await bob.next("new-message", 2);
    await carol.next("new-message");
    const dave = await stage.meet("dave");
    await dave.join("privately");
  },

  async signalling(stage) {
    const { alice, bob } = await pair(stage, "signalling");
    const carol = await stage.meet("carol");
    await carol.join("signalling");
    const signal = (encrypted, to) => ({ sessionId: "signalling", from: "alice", encrypted, to });
    for (const encrypted of opaqueValues) {
      await alice.ask("send-signal", signal(encrypted));
    }
    await alice.ask("send-signal", signal({ raw: bytes(1, 2) }, "bob"));
    await alice.ask("send-signal", signal("for nobody", "zoe"));
    await alice.send("signalling", "the end");
    await bob.next("new-message");
    await carol.next("new-message");
    const dave = await stage.meet("dave");
    await dave.join("signalling");
  },

  async tabs(stage) {
    const { alice, bob, memberToken } = await pair(stage, "tabs");
    const tab = await stage.meet("tab", { userId: "alice" });
    await tab.join("tabs", { memberToken });
    await bob.send("tabs", "to both tabs", { to: "alice" });
    await alice.next("new-message");
    await tab.next("new-message");
    await alice.send("tabs", "from the first tab", { to: "bob" });
    await tab.next("new-message", 2);
    await alice.ask("leave-session", { sessionId: "tabs", userId: "alice" });
    await tab.send("tabs", "still here");
    await bob.next("new-message", 2);
    tab.socket.disconnect();
    await bob.next("public-keys-updated", 2);
  },

  // The server keeps ten messages of a session here.
  async history(stage) {
    const { alice, bob } = await pair(stage, "history");
    for (let count = 1; count <= 12; count += 1) {
      await alice.send("history", `message ${count}`);
    }
    await bob.next("new-message", 12);
    for (const since of [undefined, 4, 12]) {
      const reader = await stage.meet(`since ${since}`);
      await reader.join("history", { since });
    }
  },

  async typing(stage) {
    const { alice, bob } = await pair(stage, "typing");
    await bob.ask("typing-start", { sessionId: "typing", userId: "bob" });
    await bob.ask("typing-stop", { sessionId: "typing", userId: "bob" });
    await alice.next("user-typing", 2);
  },

  async leaving(stage) {
    const { alice, bob } = await pair(stage, "leaving");
    await bob.ask("leave-session", { sessionId: "leaving", userId: "bob" });
    await alice.next("user-left");
    await alice.send("leaving", "nobody hears this");
    await bob.join("leaving");
    await alice.next("user-joined", 2);
    bob.socket.disconnect();
    await alice.next("user-left", 2);
  },

  // The grace is long here.
  async returning(stage) {
    const { alice, bob } = await pair(stage, "returning");
    const carol = await stage.meet("carol");
    const { memberToken, seq } = await carol.join("returning");
    await carol.settle();
    carol.lose();
    await alice.send("returning", "while carol is away");
    await carol.next("connect", 2);
    await carol.join("returning", { memberToken, since: seq });
    await carol.send("returning", "back again");
    await alice.next("new-message");
    await bob.next("new-message", 2);
  },

  async downloading(stage) {
    const { alice, bob } = await pair(stage, "downloading");
    const carol = await stage.meet("carol");
    await carol.join("downloading");
    const said = (fileName, to) => ({ sessionId: "downloading", userId: "bob", fileName, to });
    await bob.ask("file-downloaded", said("for-all.bin"));
    await bob.ask("download-notification", said("by-its-other-name.bin"));
    await bob.ask("file-downloaded", said("for-alice.bin", "alice"));
    await bob.send("downloading", "the end");
    await alice.next("new-message");
    await carol.next("new-message");
  },

  async locking(stage) {
    const { alice, bob } = await pair(stage, "locking");
    await bob.ask("lock-session", { sessionId: "locking", locked: true });
    await alice.ask("lock-session", { sessionId: "locking", locked: true });
    await bob.next("session-locked");
    const carol = await stage.meet("carol");
    await carol.join("locking");
    await alice.ask("lock-session", { sessionId: "locking", locked: false });
    await carol.join("locking");
  },

  async removing(stage) {
    const { alice, bob } = await pair(stage, "removing");
    const carol = await stage.meet("carol");
    await carol.join("removing");
    await bob.ask("remove-member", { sessionId: "removing", userId: "carol" });
    await alice.ask("remove-member", { sessionId: "removing", userId: "bob" });
    await bob.next("session-error", 2);
    await alice.send("removing", "without bob");
    await carol.next("new-message");
    await bob.send("removing", "may I?");
    await bob.join("removing");
  },

  async refusals(stage) {
    const { alice } = await pair(stage, "refusals", "right");
    await alice.send("refusals", "spoofed", { from: "bob" });
    await alice.ask("no-such-event", {});
    await alice.ask("send-message");
    const mallory = await stage.meet("mallory");
    await mallory.join("nowhere");
    await mallory.join("refusals:wrong");
    await mallory.join("refusals", { authKey: "wrong" });
    await mallory.join("refusals");
    await mallory.send("refusals", "from outside");
    mallory.tell("send-message", {
      sessionId: "refusals",
      encrypted: "without an acknowledgement",
    });
    await mallory.next("session-error", 6);
  },

  async repeating(stage) {
    const { alice, bob } = await pair(stage, "repeating");
    await alice.send("repeating", "once", { id: "m1" });
    await alice.send("repeating", "once", { id: "m1" });
    await bob.send("repeating", "mine", { id: "m1" });
    await alice.send("repeating", "the end", { id: "m2" });
    await bob.next("new-message", 2);
  },

  async counting(stage) {
    const { alice, bob } = await pair(stage, "counting");
    await alice.send("counting", "3");
    await bob.ask("save-public-key", { sessionId: "counting", publicKey: "4" });
    const carol = await stage.meet("carol");
    await carol.join("counting");
    await carol.ask("leave-session", { sessionId: "counting" });
    await bob.send("counting", "7");
    await alice.next("new-message");
  },

  async numbers(stage) {
    const alice = await stage.meet("alice", { userId: 41 });
    await alice.join("numbers", { isCreator: true });
    const bob = await stage.meet("bob", { userId: 42 });
    await bob.join("numbers");
    await alice.send("numbers", "to a number", { to: 42 });
    await alice.send("numbers", "to its text", { to: "42" });
    await bob.next("new-message", 2);
    await bob.ask("typing-start", { sessionId: "numbers", userId: "42" });
    await bob.ask("file-downloaded", { sessionId: "numbers", userId: 42, fileName: "f" });
    await bob.ask("leave-session", { sessionId: "numbers", userId: 42 });
    await alice.next("user-left");
  },

  // Each in a session of their own, which one process can have to itself.
  async hermits(stage) {
    const hermits = Array.from({ length: 12 }, (_, index) => `hermit ${index}`);
    await Promise.all(
      hermits.map(async (who) => {
        const cave = `${who} ${Math.random()}`; // others may have played here before
        const hermit = await stage.meet(who);
        await hermit.join(cave, { isCreator: true });
        stage.note(who, "transport", await hermit.settle());
        for (const text of ["1", "2", "3", "4"]) await hermit.send(cave, text);
      }),
    );
  },

  // Emitted in one go, some of it while the client changes its transport.
  async burst(stage) {
    const { alice, bob } = await pair(stage, "burst");
    const texts = Array.from({ length: 60 }, (_, index) => `${index} ` + "x".repeat(index));
    await Promise.all(texts.map((text) => alice.send("burst", text)));
    await bob.next("new-message", texts.length);
  },

  // There is no grace here.
  async losing(stage) {
    const { alice, bob } = await pair(stage, "losing", undefined, { reconnection: false });
    await bob.settle();
    bob.lose();
    await alice.next("user-left");
  },

  // The server is stopped once somebody waits for it, and started again at the same place.
  async restarting(stage) {
    const { alice, bob } = await pair(stage, "restarting");
    await Promise.all([alice.settle(), bob.settle()]);
    stage.note(null, "waiting for a restart");
    await Promise.all([alice.next("connect", 2), bob.next("connect", 2)]);
    await alice.join("restarting", { isCreator: true });
    await bob.join("restarting");
    await alice.send("restarting", "after the restart");
    await bob.next("new-message");
  },
};

async function pair(stage, sessionId, authKey, bobsOptions) {
  const alice = await stage.meet("alice");
  const { memberToken } = await alice.join(sessionId, {
    authKey,
    isCreator: true,
    displayName: "Alice",
  });
  const bob = await stage.meet("bob", bobsOptions);
  await bob.join(sessionId, { authKey });
  await alice.next("user-joined");
  await alice.next("public-keys-updated", 2);
  return { alice, bob, memberToken };
}
