// @ts-check
/** The cryptography that the protocol stands on. docs/PROTOCOL.md, section 1. */

import { ed25519, hkdf, hmac, sha256, sha512, x25519, xchacha20poly1305 } from "../vendor/noble.js";
import { concat, MalformedError, pack, utf8 } from "./bytes.js";

export const KEY_BYTES = 32;
export const NONCE_BYTES = 24;
export const TAG_BYTES = 16;
export const HASH_BYTES = 32;
export const NO_BYTES = new Uint8Array(0);

const LABEL = "hushwire/1/";
const POINT_BYTES = 32;
const PAD_STEP_BYTES = 16_384;
const PAD_MARK = 0x80;

/** What came was not made by who it should be of. */
export class ForgedError extends Error {
  name = "ForgedError";
}

/** @param {number} count */
export function randomBytes(count) {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** @param {string} word What a byte string is, as its first field. */
export function label(word) {
  return utf8(LABEL + word);
}

export { sha256 as hash, sha512 };

/**
 * A key of 32 bytes for one purpose.
 *
 * @param {Uint8Array} key
 * @param {Uint8Array} salt
 * @param {string} purpose
 * @param {Uint8Array[]} fields What the key shall be bound to.
 */
export function derive(key, salt, purpose, ...fields) {
  return hkdf(sha256, key, salt, pack(label(purpose), ...fields), KEY_BYTES);
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} message
 */
export function mac(key, message) {
  return hmac(sha256, key, message);
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} nonce Never again with this key.
 * @param {Uint8Array} context Authenticated, not encrypted.
 * @param {Uint8Array} plain
 */
export function seal(key, nonce, context, plain) {
  return xchacha20poly1305(key, nonce, context).encrypt(plain);
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} nonce
 * @param {Uint8Array} context
 * @param {Uint8Array} sealed
 * @throws {ForgedError} It was not sealed with this key, nonce and context.
 */
export function open(key, nonce, context, sealed) {
  if (sealed.length < TAG_BYTES) throw new ForgedError("too short to have been sealed");
  try {
    return xchacha20poly1305(key, nonce, context).decrypt(sealed);
  } catch {
    throw new ForgedError("does not open");
  }
}

/**
 * `seal` under a random nonce, which stands in front.
 *
 * @param {Uint8Array} key
 * @param {Uint8Array} context
 * @param {Uint8Array} plain
 * @param {Uint8Array} [nonce]
 */
export function sealWithNonce(key, context, plain, nonce = randomBytes(NONCE_BYTES)) {
  return concat(nonce, seal(key, nonce, context, plain));
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} context
 * @param {Uint8Array} sealed
 */
export function openWithNonce(key, context, sealed) {
  if (sealed.length < NONCE_BYTES) throw new ForgedError("too short to have been sealed");
  return open(key, sealed.subarray(0, NONCE_BYTES), context, sealed.subarray(NONCE_BYTES));
}

/**
 * @param {Uint8Array} seed
 * @param {Uint8Array} message
 */
export function sign(seed, message) {
  return ed25519.sign(message, seed);
}

/**
 * Whether these are the right bytes of a point of the prime-order group, other than zero. Of others,
 * libraries think differently, and some would let one signature fit many messages.
 *
 * @param {Uint8Array} bytes
 */
export function isPrimePoint(bytes) {
  try {
    const point = ed25519.Point.fromBytes(bytes);
    return !point.is0() && point.isTorsionFree();
  } catch {
    return false;
  }
}

/**
 * Strict: there is one right form of a signature, and libsodium takes the same.
 *
 * @param {Uint8Array} key A prime point.
 * @param {Uint8Array} message
 * @param {Uint8Array} signature
 * @throws {ForgedError} The owner of the key did not sign that.
 */
export function verify(key, message, signature) {
  let fits = false;
  try {
    fits = ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    // Not even of the form of a signature, or of a key.
  }
  if (!fits || !isPrimePoint(signature.subarray(0, POINT_BYTES))) {
    throw new ForgedError("the signature is wrong");
  }
}

/** @param {Uint8Array} seed */
export function signKeyOf(seed) {
  return ed25519.getPublicKey(seed);
}

/** @param {Uint8Array} secret */
export function boxKeyOf(secret) {
  return x25519.getPublicKey(secret);
}

/**
 * The secret that two people share by their keys.
 *
 * @param {Uint8Array} secret
 * @param {Uint8Array} key
 * @throws {ForgedError} Some keys give everybody the same secret.
 */
export function dh(secret, key) {
  try {
    return x25519.getSharedSecret(secret, key);
  } catch {
    throw new ForgedError("a key that gives no secret");
  }
}

/**
 * Hide how long something is, but for the step.
 *
 * @param {Uint8Array} plain
 * @param {number} floorBytes The first step, a power of two.
 */
export function pad(plain, floorBytes) {
  let size = floorBytes;
  while (size < plain.length + 1) size += Math.min(size, PAD_STEP_BYTES);
  const padded = new Uint8Array(size);
  padded.set(plain);
  padded[plain.length] = PAD_MARK;
  return padded;
}

/** @param {Uint8Array} padded */
export function unpad(padded) {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (end < 0 || padded[end] !== PAD_MARK) throw new MalformedError("not padded");
  return padded.subarray(0, end);
}
