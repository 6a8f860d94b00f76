// @ts-check
/** Signals: heads, which all may read, and words between two. docs/PROTOCOL.md, sections 8 and 9. */

import {
  compare,
  concat,
  equal,
  fromBase64url,
  fromU64,
  fromUtf8,
  MalformedError,
  pack,
  toBase64url,
  u64,
  unpack,
  unpackAll,
} from "./bytes.js";
import {
  derive,
  ForgedError,
  HASH_BYTES,
  label,
  openWithNonce,
  pad,
  sealWithNonce,
  unpad,
  verify,
} from "./primitives.js";

const PAD_BYTES = 256;
const MAX_TEXT_BYTES = 16 * 1024;

const TAG_BYTES = 8;
const SHORT_HASH_BYTES = 16;
const ENTRY_BYTES = 32;

/**
 * @typedef {{number: number, hash: Uint8Array}} End Of a chain: its newest message.
 *
 * @typedef {object} HeadSignal
 * @property {number} signalNumber
 * @property {number} number Of the newest message to everybody; 0 if there is none.
 * @property {Uint8Array} hash
 * @property {End | null} alone Of the newest to us alone, with the first half of its hash; null if there is none.
 *
 * @typedef {{signalNumber: number, kind: string, fields: Uint8Array[]}} PrivateSignal
 */

/**
 * What one's newest messages are: to everybody, and to single members, which only these can tell.
 *
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {{signalNumber: number, number: number, hash: Uint8Array, alone: (End & {card: import("./card.js").Card})[]}} said
 */
export function makeHead(link, identity, { signalNumber, number, hash, alone }) {
  const entries = alone.map((end) => {
    const parties = [identity.memberId, end.card.memberId];
    const mask = maskOf(link, identity.agree(end.card.boxKey), parties, signalNumber);
    return masked(mask, concat(u64(end.number), end.hash.subarray(0, SHORT_HASH_BYTES)));
  });
  const body = pack(
    label("head"),
    link.sessionId,
    identity.memberId,
    u64(signalNumber),
    u64(number),
    hash,
    concat(...entries.toSorted(compare)),
  );
  return onWire(pack(body, identity.sign(body)));
}

/**
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {import("./card.js").Card} receiver
 * @param {PrivateSignal} said
 * @param {Uint8Array} [nonce]
 */
export function makeSignal(link, identity, receiver, { signalNumber, kind, fields }, nonce) {
  const parties = [link.sessionId, identity.memberId, receiver.memberId];
  const head = pack(label("signal"), ...parties, u64(signalNumber));
  const key = derive(identity.agree(receiver.boxKey), link.linkKey, "signal", ...parties);
  const plain = pad(pack(kind, ...fields), PAD_BYTES);
  return onWire(pack(head, sealWithNonce(key, head, plain, nonce)));
}

/**
 * Read any signal: a head, or what somebody tells us alone.
 *
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {import("./card.js").Card} sender Of the member that the relay names.
 * @param {unknown} encrypted
 * @returns {{head: HeadSignal} | {signal: PrivateSignal}}
 * @throws {ForgedError | MalformedError}
 */
export function readSignal(link, identity, sender, encrypted) {
  const [first, second] = unpack(offWire(encrypted), 2);
  const fields = unpackAll(first);
  if (equal(fields[0] ?? first, label("head")))
    return { head: readHead(link, identity, sender, first, second) };
  const [what, sessionId, from, to, signalNumber] = unpack(first, 5);
  if (!equal(what, label("signal"))) throw new MalformedError("no signal");
  const parties = [link.sessionId, sender.memberId, identity.memberId];
  if (![sessionId, from, to].every((field, at) => equal(field, parties[at]))) {
    throw new ForgedError("between others");
  }
  const key = derive(identity.agree(sender.boxKey), link.linkKey, "signal", ...parties);
  const [kind, ...rest] = unpackAll(unpad(openWithNonce(key, first, second)));
  if (!kind) throw new MalformedError("a signal without a kind");
  const signal = { signalNumber: fromU64(signalNumber), kind: fromUtf8(kind), fields: rest };
  return { signal };
}

/**
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {import("./card.js").Card} sender
 * @param {Uint8Array} body
 * @param {Uint8Array} signature
 * @returns {HeadSignal}
 */
function readHead(link, identity, sender, body, signature) {
  const [, sessionId, from, signalField, number, hash, entries] = unpack(body, 7);
  if (!equal(sessionId, link.sessionId) || !equal(from, sender.memberId)) {
    throw new ForgedError("a head of other chains");
  }
  if (entries.length % ENTRY_BYTES !== 0 || hash.length !== HASH_BYTES) {
    throw new MalformedError("a field of a wrong size");
  }
  verify(sender.signKey, body, signature);
  const signalNumber = fromU64(signalField);
  const parties = [sender.memberId, identity.memberId];
  const mask = maskOf(link, identity.agree(sender.boxKey), parties, signalNumber);
  return { signalNumber, number: fromU64(number), hash, alone: endIn(entries, mask) };
}

/**
 * Find what is for us, without a word about the others.
 *
 * @param {Uint8Array} entries
 * @param {Uint8Array} mask
 * @returns {End | null}
 */
function endIn(entries, mask) {
  for (let at = 0; at < entries.length; at += ENTRY_BYTES) {
    if (!equal(entries.subarray(at, at + TAG_BYTES), mask.subarray(0, TAG_BYTES))) continue;
    const told = masked(mask, entries.subarray(at + TAG_BYTES, at + ENTRY_BYTES)).slice(TAG_BYTES);
    return { number: fromU64(told.subarray(0, 8)), hash: told.slice(8) };
  }
  return null;
}

/**
 * @param {import("./link.js").Link} link
 * @param {Uint8Array} secret
 * @param {Uint8Array[]} parties Sender and receiver.
 * @param {number} signalNumber
 */
function maskOf(link, secret, parties, signalNumber) {
  return derive(secret, link.linkKey, "alone", link.sessionId, ...parties, u64(signalNumber));
}

/**
 * @param {Uint8Array} mask
 * @param {Uint8Array} told 24 bytes
 * @returns {Uint8Array} The mask's tag, and what is told under the rest of the mask.
 */
function masked(mask, told) {
  return mask.map((byte, at) => (at < TAG_BYTES ? byte : byte ^ told[at - TAG_BYTES]));
}

/** @param {Uint8Array} bytes */
function onWire(bytes) {
  return bytes.length > MAX_TEXT_BYTES ? bytes : toBase64url(bytes);
}

/** @param {unknown} encrypted */
function offWire(encrypted) {
  if (typeof encrypted === "string") return fromBase64url(encrypted);
  if (encrypted instanceof ArrayBuffer) return new Uint8Array(encrypted);
  if (encrypted instanceof Uint8Array) return encrypted;
  throw new MalformedError("neither text nor binary");
}
