// The flow of the contract, played by a client that is written from it, against the server whose
// nodes stand in SERVER_URLS. One step follows from the other.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import nacl from "tweetnacl";
import { base64, bytes, Client, sign } from "./client.js";

const urls = process.env.SERVER_URLS.split(",");

// As the contract's examples answer.
const EXAMPLES = {
  signup: {
    success: true,
    data: { userId: "", username: "", email: "", displayName: "" },
    message: "User registered successfully. Please login to register device keys.",
  },
  login: {
    success: true,
    data: { userId: "", username: "", requiresKeyRegistration: true, deviceId: "" },
    message: "Login successful. Please register device keys to complete setup.",
  },
  register: {
    success: true,
    data: { success: true, deviceId: "", publicKey: "", accessToken: "", refreshToken: "" },
    message: "Device keys registered successfully",
  },
  keys: {
    success: true,
    data: {
      userId: "",
      identityPublicKey: "",
      devices: [
        {
          deviceId: "",
          publicKey: "",
          signedPreKey: { keyId: 1, publicKey: "", signature: "", timestamp: "" },
          oneTimePreKey: { keyId: 5, publicKey: "" },
        },
      ],
    },
  },
  send: {
    success: true,
    data: {
      messageId: "",
      senderId: "",
      recipientId: "",
      messageType: "",
      encryptedContent: "",
      deliveryStatus: "",
      createdAt: "",
    },
    message: "Message sent successfully",
  },
};

// Everything that an example has is there, of the same type; `success` and `message` to the letter.
function assertLike(example, answer, at = "") {
  for (const [name, value] of Object.entries(example)) {
    const got = answer[name];
    if (name === "success" || name === "message") assert.equal(got, value, at + name);
    else if (value instanceof Object) assertLike(value, got, `${at}${name}.`);
    else assert.equal(typeof got, typeof value, at + name);
  }
}

const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe("the contract's client", () => {
  const alice = new Client(urls, "alice", "device-web-001");
  const bob = new Client(urls, "bob", "device-web-001");
  const laptop = new Client(urls, "bob", "device-laptop-002");
  const said = [];
  let roomId;

  after(() => {
    for (const { ws } of [alice, bob, laptop]) ws?.terminate();
  });

  const bobsKeys = async () => (await alice.getRecipientKeys(bob.userId)).data;

  function plaintext(words) {
    said.push(words);
    return words;
  }

  // Encrypted for Bob's only device, as the contract's flow has it.
  async function sendToBob(messageId, words) {
    const [recipientKeys] = (await bobsKeys()).devices;
    return alice.sendMessage({
      messageId,
      recipientId: bob.userId,
      messageType: "direct",
      ...alice.encryptMessage(plaintext(words), recipientKeys),
    });
  }

  test("signs up and logs in, and gets no token before its keys are registered", async () => {
    for (const one of [alice, bob]) {
      const signedUp = await one.signup();
      assertLike(EXAMPLES.signup, signedUp);
      assert.equal(signedUp.data.username, one.username);
    }
    for (const one of [alice, bob]) {
      const loggedIn = await one.login();
      assertLike(EXAMPLES.login, loggedIn);
      assert.equal(loggedIn.data.accessToken, undefined);
      assert.equal((await one.ask("GET", "/api/auth/me")).status, 401);

      one.generateKeys();
      const registered = await one.registerKeys();
      assertLike(EXAMPLES.register, registered);
      assert.equal(registered.data.publicKey, base64(one.deviceKeyPair.publicKey));
      const { body } = await one.ask("GET", "/api/auth/me");
      assert.equal(body.data.userId, one.userId);
    }
  });

  test("cannot sign with a box key as the contract has it, which each bundle tells", async () => {
    assert.throws(
      () => nacl.sign.detached(bob.signedPreKeyPair.publicKey, bob.identityKeyPair.secretKey),
      /bad secret key size/,
    );
    assert.equal((await bobsKeys()).verified, false);
  });

  test("fetches keys, of which a one-time prekey is never given twice", async () => {
    const answers = [await bobsKeys(), await bobsKeys()];
    assertLike(EXAMPLES.keys, { success: true, data: answers[0] });
    assert.equal(answers[0].identityPublicKey, base64(bob.identityKeyPair.publicKey));
    assert.match(answers[0].devices[0].signedPreKey.timestamp, ISO_TIME);
    const given = answers.map(({ devices }) => devices[0].oneTimePreKey.keyId);
    assert.equal(given[1], given[0] + 1);
    const { data } = await bob.get("GET", "/api/keys/prekeys/stats");
    assert.equal(data.total, 100);
    assert.equal(data.available, 97);
    assert.equal((await bob.get("DELETE", "/api/keys/prekeys/cleanup")).data.removed, 3);
  });

  test("sends to somebody who is away, who reads it on coming back", async () => {
    const sent = await sendToBob("msg-1", "Hello Bob. It cannot read this. 🔐");
    assertLike(EXAMPLES.send, sent);
    assert.equal(sent.data.deliveryStatus, "sent");
    assert.match(sent.data.createdAt, ISO_TIME);

    const { data } = await bob.get("GET", "/api/messages/offline");
    assert.deepEqual(
      data.messages.map((one) => [one.messageId, one.senderId, bob.decryptMessage(one)]),
      [["msg-1", alice.userId, said[0]]],
    );
  });

  test("gets what waited by its socket, and receipts come to the sender", async () => {
    await alice.connect();
    await bob.connect();
    const { message } = await bob.hear("new_message");
    assert.equal(bob.decryptMessage(message), said[0]);

    for (const kind of ["delivery_receipt", "read_receipt"]) {
      bob.say(kind, { messageId: "msg-1" });
      const receipt = await alice.hear(kind);
      assert.equal(receipt.messageId, "msg-1");
      assert.equal(receipt.userId, bob.userId);
    }
    const { data } = await alice.get("GET", `/api/messages/direct/${bob.userId}`);
    assert.equal(data.messages[0].deliveryStatus, "read");
    assert.equal((await bob.get("GET", "/api/messages/offline")).data.messages.length, 0);
  });

  test("sends by its socket, with a key for each device", async () => {
    const { devices } = await bobsKeys();
    const recipients = [{ userId: bob.userId, devices }];
    alice.say("message", {
      messageId: "msg-2",
      recipientId: bob.userId,
      messageType: "direct",
      ...alice.encryptForDevices(plaintext("By the socket."), recipients),
    });
    assert.equal((await alice.hear("message_sent")).messageId, "msg-2");
    const { message } = await bob.hear("new_message", (one) => one.message.messageId === "msg-2");
    assert.equal(bob.decryptMessage(message), said[1]);
  });

  test("types, stops, and its heart beats", async () => {
    for (const type of ["typing", "stop_typing"]) {
      bob.say(type, { recipientId: alice.userId });
      assert.equal((await alice.hear(type)).userId, bob.userId);
    }
    alice.say("heartbeat");
    await alice.hear("heartbeat_ack");
  });

  test("acknowledges over REST, one by one and many", async () => {
    await sendToBob("msg-3", "One.");
    await sendToBob("msg-4", "Two.");
    const { data } = await bob.get("PUT", "/api/messages/msg-3/status", { status: "delivered" });
    assert.equal(data.deliveryStatus, "delivered");
    const bulk = { messageIds: ["msg-2", "msg-3", "msg-4"], status: "read" };
    assert.equal((await bob.get("POST", "/api/messages/status/bulk", bulk)).data.updated, 3);
    const last = (one) => one.messageId === "msg-4";
    assert.equal((await alice.hear("read_receipt", last)).userId, bob.userId);
  });

  test("lists conversations, and finds messages by what the server may know", async () => {
    const { data } = await bob.get("GET", "/api/messages/conversations");
    assert.equal(data.conversations[0].lastMessage.messageId, "msg-4");
    const search = (fields) => bob.ask("POST", "/api/messages/search", fields);
    const { body } = await search({ participantId: alice.userId });
    assert.equal(body.data.messages.length, 4);
    assert.equal((await search({ query: "One." })).body.error, "unsearchable");
  });

  test("talks in a room, and takes back what it said", async () => {
    const wish = { name: "Tea", participants: [bob.userId] };
    roomId = (await alice.get("POST", "/api/rooms", wish)).data.roomId;
    const { devices } = await bobsKeys();
    const recipients = [{ userId: bob.userId, devices }];
    await alice.sendMessage({
      messageId: "msg-5",
      roomId,
      messageType: "group",
      ...alice.encryptForDevices(plaintext("In a room."), recipients),
    });
    const { message } = await bob.hear("new_message", (one) => one.message.messageId === "msg-5");
    assert.equal(bob.decryptMessage(message), "In a room.");

    await alice.get("DELETE", "/api/messages/msg-5");
    const { data } = await bob.get("GET", `/api/messages/room/${roomId}`);
    assert.equal(data.messages[0].deleted, true);
    assert.ok(!data.messages[0].encryptedContent);
    const rooms = (await bob.get("GET", "/api/rooms")).data.rooms;
    assert.deepEqual(
      rooms.map((one) => one.roomId),
      [roomId],
    );
  });

  test("rotates its keys, after which only the new ones open what is sent", async () => {
    const before = bob.deviceKeyPair;
    const { data } = await bob.rotateKeys();
    assert.equal(data.publicKey, base64(bob.deviceKeyPair.publicKey));
    await sendToBob("msg-6", "For the new key.");
    const { message } = await bob.hear("new_message", (one) => one.message.messageId === "msg-6");
    assert.equal(bob.decryptMessage(message), "For the new key.");
    const former = Object.assign(new Client([], "bob", ""), { deviceKeyPair: before });
    assert.equal(former.decryptMessage(message), null);

    const more = { preKeys: [{ keyId: 1000, publicKey: base64(nacl.box.keyPair().publicKey) }] };
    assert.equal((await bob.get("POST", "/api/keys/prekeys", more)).data.accepted, 1);
  });

  test("renews its tokens, of which the one before is good no more", async () => {
    const { refreshToken } = alice;
    const { data } = await alice.get("POST", "/api/auth/refresh", { refreshToken });
    alice.accessToken = data.accessToken;
    alice.refreshToken = data.refreshToken;
    const { body } = await alice.ask("GET", "/api/auth/devices");
    assert.deepEqual(
      body.data.devices.map((one) => one.deviceId),
      ["device-web-001"],
    );
  });

  test("registers a second device with what its login answered, not without", async () => {
    await laptop.login();
    laptop.generateKeys(bob.identityKeyPair);
    const bare = await laptop.ask("POST", "/api/keys/register", {
      deviceId: laptop.deviceId,
      identityPublicKey: base64(bob.identityKeyPair.publicKey),
      ...laptop.publicKeys(),
    });
    assert.equal(bare.status, 401);
    await laptop.registerKeys({ registrationToken: laptop.registrationToken });
    assert.equal((await bobsKeys()).devices.length, 2);
    const stale = await alice.ask("POST", "/api/messages/send", {
      messageId: "msg-7",
      recipientId: bob.userId,
      messageType: "direct",
      encryptedContent: "c2VjcmV0",
    });
    assert.equal(stale.status, 409);
    assert.equal(stale.body.error, "device_mismatch");
  });

  test("revokes a device, which is cut off at once and gets nothing more", async () => {
    await laptop.connect();
    await laptop.get("DELETE", `/api/auth/devices/${bob.deviceId}`);
    assert.equal(await bob.closed, 4401);
    assert.equal((await laptop.hear("device_revoked")).deviceId, bob.deviceId);
    assert.equal((await bob.ask("GET", "/api/auth/me")).status, 401);
    const { devices } = await bobsKeys();
    assert.deepEqual(
      devices.map((one) => one.deviceId),
      [laptop.deviceId],
    );
    await sendToBob("msg-8", "For the laptop alone.");
    const { message } = await laptop.hear("new_message", (m) => m.message.messageId === "msg-8");
    assert.equal(laptop.decryptMessage(message), "For the laptop alone.");
  });

  test("was never sent a word of plaintext by the server", () => {
    const seen = [alice, bob, laptop].map((one) => one.seen).join();
    assert.ok(seen.includes("encryptedContent"));
    for (const words of said) assert.ok(!seen.includes(words), words);
  });

  test("is trusted more where its identity key can sign", async () => {
    const carol = new Client(urls, "carol", "device-web-001");
    await carol.signup();
    await carol.login();
    carol.generateKeys(nacl.sign.keyPair());
    await carol.registerKeys({ identityKeyType: "ed25519" });

    const { data } = await alice.getRecipientKeys(carol.userId);
    assert.equal(data.verified, true);
    const { publicKey, signature } = data.devices[0].signedPreKey;
    const identity = bytes(data.identityPublicKey);
    assert.ok(nacl.sign.detached.verify(bytes(publicKey), bytes(signature), identity));

    const another = nacl.box.keyPair();
    const forged = {
      publicKey: base64(another.publicKey),
      signedPreKey: {
        keyId: 9,
        publicKey: base64(another.publicKey),
        signature: sign(another.publicKey, nacl.sign.keyPair().secretKey),
      },
    };
    const refused = await carol.ask("POST", "/api/keys/rotate", forged);
    assert.equal(refused.body.error, "invalid_signature");
  });

  test("logs out, and its token is worth nothing then", async () => {
    await alice.get("POST", "/api/auth/logout", { refreshToken: alice.refreshToken });
    assert.equal((await alice.ask("GET", "/api/auth/me")).status, 401);
    assert.equal(await alice.closed, 4401);
  });
});
