// @ts-check
/** Signals: heads, which all may read, and words between two. docs/PROTOCOL.md, sections 8 and 9. */

import {
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
import { MEMBER_ID_BYTES } from "./identity.js";
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

/**
 * @typedef {{audience: Uint8Array, signalNumber: number, number: number, hash: Uint8Array}} HeadSignal
 * @typedef {{signalNumber: number, kind: string, fields: Uint8Array[]}} PrivateSignal
 */

/**
 * What the newest message of one's chain is.
 *
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {HeadSignal} said
 */
export function makeHead(link, identity, { audience, signalNumber, number, hash }) {
  const place = [label("head"), link.sessionId, identity.memberId, audience];
  const body = pack(...place, u64(signalNumber), u64(number), hash);
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
    return { head: readHead(link, sender, first, second) };
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
 * @param {import("./card.js").Card} sender
 * @param {Uint8Array} body
 * @param {Uint8Array} signature
 * @returns {HeadSignal}
 */
function readHead(link, sender, body, signature) {
  const [, sessionId, from, audience, signalNumber, number, hash] = unpack(body, 7);
  if (!equal(sessionId, link.sessionId) || !equal(from, sender.memberId)) {
    throw new ForgedError("a head of another chain");
  }
  if ((audience.length && audience.length !== MEMBER_ID_BYTES) || hash.length !== HASH_BYTES) {
    throw new MalformedError("a field of a wrong size");
  }
  verify(sender.signKey, body, signature);
  return { audience, signalNumber: fromU64(signalNumber), number: fromU64(number), hash };
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
