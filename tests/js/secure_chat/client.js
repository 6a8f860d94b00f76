// A client of secure chat, written from the contract's own text with tweetnacl, as somebody
// would who had nothing else: its names, its calls, its order. Where the text does not work as
// it stands, a comment that begins with "Contract:" says what is done instead, and why.

import assert from "node:assert/strict";
import nacl from "tweetnacl";
import WebSocket from "ws";

const LIMIT_MS = 10_000;
const PREKEYS = 100;

export const base64 = (bytes) => Buffer.from(bytes).toString("base64");
export const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));
const utf8 = (text) => new Uint8Array(Buffer.from(text, "utf8"));
const text = (plain) => Buffer.from(plain).toString("utf8");

// Contract: `sign` is not told. An identity key of `nacl.box.keyPair()` cannot sign: the secret
// key of `nacl.sign` has 64 bytes, and `detached` throws at one of 32. Whoever makes one of the
// same seed gets a signature that nobody can verify with `identityPublicKey`, an X25519 key: the
// server keeps it with `verified: false`.
export function sign(publicKey, identitySecretKey) {
  const secretKey =
    identitySecretKey.length === nacl.sign.secretKeyLength
      ? identitySecretKey
      : nacl.sign.keyPair.fromSeed(identitySecretKey).secretKey;
  return base64(nacl.sign.detached(publicKey, secretKey));
}

export class Client {
  // `urls`: of the server's nodes; each request and each socket goes to the next of them.
  constructor(urls, username, deviceId) {
    this.urls = urls;
    this.turn = 0;
    this.username = username;
    this.email = `${username}@example.com`;
    this.password = "SecurePass123!";
    this.deviceId = deviceId;
    this.keyId = 0;
    this.seen = "";
  }

  // --- REST ---

  url() {
    const url = this.urls[this.turn % this.urls.length];
    this.turn += 1;
    return url;
  }

  // Status and body of a request.
  async ask(method, path, body) {
    const headers = { "Content-Type": "application/json" };
    if (this.accessToken) headers.Authorization = `Bearer ${this.accessToken}`;
    const response = await fetch(this.url() + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const said = await response.text();
    this.seen += said;
    return { status: response.status, body: JSON.parse(said) };
  }

  // The body of a good answer.
  async get(method, path, body) {
    const { status, body: answer } = await this.ask(method, path, body);
    assert.ok(status < 300 && answer.success, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  }

  signup() {
    const { username, email, password } = this;
    return this.get("POST", "/api/auth/signup", {
      username,
      email,
      password,
      displayName: username,
    });
  }

  async login() {
    const { email, password, deviceId } = this;
    const answer = await this.get("POST", "/api/auth/login", {
      email,
      password,
      deviceId,
      deviceName: "Chrome Browser",
      deviceType: "web",
    });
    this.userId = answer.data.userId;
    this.registrationToken = answer.data.registrationToken;
    return answer;
  }

  // --- 1. Key Generation (Client-Side) ---

  generateKeys(identityKeyPair = nacl.box.keyPair()) {
    // Identity key pair (long-term)
    this.identityKeyPair = identityKeyPair;
    this.generateDeviceKeys();
  }

  generateDeviceKeys() {
    // Device key pair
    this.deviceKeyPair = nacl.box.keyPair();
    // Signed prekey
    this.signedPreKeyPair = nacl.box.keyPair();
    // One-time prekeys
    this.preKeys = Array.from({ length: PREKEYS }, () => nacl.box.keyPair());
  }

  publicKeys() {
    this.keyId += 1;
    const first = this.keyId * PREKEYS;
    return {
      publicKey: base64(this.deviceKeyPair.publicKey),
      signedPreKey: {
        keyId: this.keyId,
        publicKey: base64(this.signedPreKeyPair.publicKey),
        signature: sign(this.signedPreKeyPair.publicKey, this.identityKeyPair.secretKey),
      },
      // Contract: its `map` has no `index`.
      preKeys: this.preKeys.map((pk, index) => ({
        keyId: first + index,
        publicKey: base64(pk.publicKey),
      })),
    };
  }

  // --- 2. Key Registration ---

  // Contract: the bare form is for the first device of an account; another one has to show
  // besides the `registrationToken` that its login answered.
  async registerKeys(more = {}) {
    const answer = await this.get("POST", "/api/keys/register", {
      deviceId: this.deviceId,
      identityPublicKey: base64(this.identityKeyPair.publicKey),
      ...this.publicKeys(),
      ...more,
    });
    this.accessToken = answer.data.accessToken;
    this.refreshToken = answer.data.refreshToken;
    return answer;
  }

  async rotateKeys() {
    this.generateDeviceKeys();
    return this.get("POST", "/api/keys/rotate", this.publicKeys());
  }

  // --- 3. Message Encryption ---

  getRecipientKeys(recipientUserId) {
    return this.get("GET", `/api/keys/user/${recipientUserId}`);
  }

  // Contract: keys are of devices, and are base64. `recipientKeys` is one of `data.devices`.
  encryptMessage(message, recipientKeys) {
    // Generate ephemeral key pair
    const ephemeralKeyPair = nacl.box.keyPair();
    // Perform X25519 key agreement
    const sharedSecret = nacl.box.before(
      bytes(recipientKeys.publicKey),
      ephemeralKeyPair.secretKey,
    );
    // Encrypt message
    const nonce = nacl.randomBytes(24);
    const ciphertext = nacl.box.after(utf8(message), nonce, sharedSecret);
    return {
      encryptedContent: base64(ciphertext),
      encryptionMetadata: {
        nonce: base64(nonce),
        ephemeralPublicKey: base64(ephemeralKeyPair.publicKey),
      },
    };
  }

  // As its example 5 has it: a key of the message's own, encrypted for each device.
  // Contract: the label is its own; what `nacl.box` does is XSalsa20-Poly1305. The server reads
  // neither.
  encryptForDevices(message, recipients) {
    const key = nacl.randomBytes(nacl.secretbox.keyLength);
    const nonce = nacl.randomBytes(24);
    const encryptedKeys = recipients.flatMap(({ userId, devices }) =>
      devices.map((device) => {
        const forDevice = this.encryptMessage(base64(key), device);
        return {
          recipientId: userId,
          recipientDeviceId: device.deviceId,
          encryptedKey: forDevice.encryptedContent,
          keyNonce: forDevice.encryptionMetadata.nonce,
          ephemeralPublicKey: forDevice.encryptionMetadata.ephemeralPublicKey,
        };
      }),
    );
    return {
      encryptedContent: base64(nacl.secretbox(utf8(message), nonce, key)),
      encryptionMetadata: {
        algorithm: "XChaCha20-Poly1305",
        nonce: base64(nonce),
        keyVersion: 1,
        encryptedKeys,
      },
    };
  }

  // Send to server
  sendMessage(fields) {
    return this.get("POST", "/api/messages/send", fields);
  }

  // --- 4. Message Decryption ---

  // Contract: `message.ciphertext`, `.nonce` and `.ephemeralPublicKey` are `encryptedContent` and
  // parts of `encryptionMetadata` there. `nacl.box.open.after` does what it says, and answers
  // null to whoever has another key.
  decryptMessage(message) {
    const { nonce, ephemeralPublicKey, encryptedKeys } = message.encryptionMetadata;
    if (!encryptedKeys) return this.open(message.encryptedContent, nonce, ephemeralPublicKey);
    const mine = encryptedKeys.find((one) => one.recipientDeviceId === this.deviceId);
    const key = this.open(mine.encryptedKey, mine.keyNonce, mine.ephemeralPublicKey);
    return text(nacl.secretbox.open(bytes(message.encryptedContent), bytes(nonce), bytes(key)));
  }

  open(ciphertext, nonce, ephemeralPublicKey) {
    // Perform key agreement with sender's ephemeral key
    const sharedSecret = nacl.box.before(bytes(ephemeralPublicKey), this.deviceKeyPair.secretKey);
    // Decrypt
    const plaintext = nacl.box.open.after(bytes(ciphertext), bytes(nonce), sharedSecret);
    return plaintext && text(plaintext);
  }

  // --- 6. WebSocket Connection ---

  async connect() {
    this.heard = [];
    const ws = new WebSocket(`${this.url().replace(/^http/, "ws")}/ws?token=${this.accessToken}`);
    this.ws = ws;
    ws.on("message", (data) => {
      this.seen += data;
      this.heard.push(JSON.parse(data));
      ws.emit("heard");
    });
    this.closed = new Promise((resolve) => {
      ws.on("close", resolve);
    });
    await new Promise((resolve, reject) => {
      ws.on("open", resolve);
      ws.on("error", reject);
    });
    // A door that refuses closes after it has opened: what is answered was let in.
    this.say("heartbeat");
    await this.hear("heartbeat_ack");
  }

  say(type, payload) {
    this.ws.send(JSON.stringify({ type, payload }));
  }

  // The first frame of a type that has not been asked for yet, and to which `is` says yes.
  async hear(type, is = () => true) {
    const deadline = AbortSignal.timeout(LIMIT_MS);
    for (;;) {
      const at = this.heard.findIndex((frame) => frame.type === type && is(frame));
      if (at >= 0) return this.heard.splice(at, 1)[0];
      await new Promise((resolve, reject) => {
        this.ws.once("heard", resolve);
        deadline.onabort = () =>
          reject(new Error(`no ${type} came, but ${JSON.stringify(this.heard)}`));
      });
    }
  }
}
