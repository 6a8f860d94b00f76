// What a client of random groups does that takes the contract at its word, with WebCrypto alone:
//
//     "All messages encrypted with AES-GCM before transmission; RSA key exchange for group key
//     distribution; digital signatures for message authenticity; key rotation"
//
// Pure functions: no connection, and no state but what they are given. An identity signs with
// ECDSA and is given keys by RSA-OAEP. `publicKey` and encrypted messages are texts of JSON, as in
// the contract's examples (`JSON.parse(data.encryptedContent)`).

const { subtle } = globalThis.crypto;

const RSA = {
  name: "RSA-OAEP",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
  hash: "SHA-256",
};
const ECDSA = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING = { name: "ECDSA", hash: "SHA-256" };
const AES = { name: "AES-GCM", length: 256 };
const IV_BYTES = 12;

/** Somebody's two pairs of keys, and the `publicKey` that the others are shown. */
export async function makeIdentity() {
  const box = await subtle.generateKey(RSA, false, ["encrypt", "decrypt"]);
  const sign = await subtle.generateKey(ECDSA, false, ["sign", "verify"]);
  const publicKey = JSON.stringify({
    encryption: await toText("spki", box.publicKey),
    signature: await toText("spki", sign.publicKey),
  });
  return { box, sign, publicKey };
}

/** The group key of an epoch: whoever rotates makes a new one. */
export async function makeGroupKey(epoch) {
  return { epoch, key: await subtle.generateKey(AES, true, ["encrypt", "decrypt"]) };
}

/**
 * The message of the type `key_exchange` that gives all members the group key.
 *
 * `members` are those of `key_rotation_needed`: `{userId, publicKey}`.
 */
export async function shareGroupKey(identity, groupId, { epoch, key }, members) {
  const raw = await subtle.exportKey("raw", key);
  const keys = {};
  for (const { userId, publicKey } of members) {
    const theirs = await importKey(publicKey, "encryption", RSA, "encrypt");
    keys[userId] = toBase64(await subtle.encrypt({ name: "RSA-OAEP" }, theirs, raw));
  }
  return signed(identity, { kind: "group-key", groupId, epoch, keys });
}

/** The group key out of such a message; raises if it is not for us, or not of that sender. */
export async function takeGroupKey(identity, userId, groupId, sender, encrypted) {
  const { kind, epoch, keys } = await checked(sender, groupId, encrypted);
  if (kind !== "group-key" || !keys[userId]) throw new Error("no key for us");
  const wrapped = fromBase64(keys[userId]);
  const raw = await subtle.decrypt({ name: "RSA-OAEP" }, identity.box.privateKey, wrapped);
  const key = await subtle.importKey("raw", raw, AES, true, ["encrypt", "decrypt"]);
  return { epoch, key };
}

/** A message of the type `text`. */
export async function encryptMessage(identity, groupId, { epoch, key }, text) {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealing = { name: "AES-GCM", iv, additionalData: bytesOf(`${groupId} ${epoch}`) };
  const data = toBase64(await subtle.encrypt(sealing, key, bytesOf(text)));
  return signed(identity, { kind: "text", groupId, epoch, iv: toBase64(iv), data });
}

/** What was said; raises if the sender did not say it, or it was said under another key. */
export async function decryptMessage(groupId, sender, groupKey, encrypted) {
  const { kind, epoch, iv, data } = await checked(sender, groupId, encrypted);
  if (kind !== "text" || epoch !== groupKey.epoch) throw new Error("of another epoch");
  const additionalData = bytesOf(`${groupId} ${epoch}`);
  const opening = { name: "AES-GCM", iv: fromBase64(iv), additionalData };
  return new TextDecoder().decode(await subtle.decrypt(opening, groupKey.key, fromBase64(data)));
}

async function signed(identity, said) {
  const body = JSON.stringify(said);
  const signature = await subtle.sign(SIGNING, identity.sign.privateKey, bytesOf(body));
  return JSON.stringify({ body, signature: toBase64(signature) });
}

async function checked(sender, groupId, encrypted) {
  const { body, signature } = JSON.parse(encrypted);
  const theirs = await importKey(sender.publicKey, "signature", ECDSA, "verify");
  const isTrue = await subtle.verify(SIGNING, theirs, fromBase64(signature), bytesOf(body));
  if (!isTrue) throw new Error("not said by its sender");
  const said = JSON.parse(body);
  if (said.groupId !== groupId) throw new Error("said in another group");
  return said;
}

function importKey(publicKey, which, algorithm, usage) {
  const spki = fromBase64(JSON.parse(publicKey)[which]);
  return subtle.importKey("spki", spki, algorithm, false, [usage]);
}

async function toText(format, key) {
  return toBase64(await subtle.exportKey(format, key));
}

function bytesOf(text) {
  return new TextEncoder().encode(text);
}

function toBase64(buffer) {
  return Buffer.from(buffer).toString("base64");
}

function fromBase64(text) {
  return Buffer.from(text, "base64");
}
