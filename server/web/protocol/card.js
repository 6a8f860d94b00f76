// @ts-check
/** Cards: a member's keys and name, vouched for by itself and by the link. docs/PROTOCOL.md, section 3. */

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
  utf8,
} from "./bytes.js";
import { memberIdOf } from "./identity.js";
import {
  dh,
  ForgedError,
  isPrimePoint,
  KEY_BYTES,
  label,
  mac,
  openWithNonce,
  pad,
  sealWithNonce,
  unpad,
  verify,
} from "./primitives.js";

const NAME_PAD_BYTES = 64;
const MAX_NAME_CHARS = 64;
const MAX_NAME_BYTES = 256;
const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Any secret will do: it only tells keys apart that give everybody the same one. */
const PROBE = new Uint8Array(KEY_BYTES).fill(1);

/** A member, as its card says. */
export class Card {
  /**
   * @param {{signKey: Uint8Array, boxKey: Uint8Array, name: string, madeMs: number}} said
   */
  constructor({ signKey, boxKey, name, madeMs }) {
    this.signKey = signKey;
    this.boxKey = boxKey;
    this.name = name;
    this.madeMs = madeMs;
    this.memberId = memberIdOf(signKey, boxKey);
    this.id = toBase64url(this.memberId);
  }
}

/**
 * Why a name cannot be used; null if it can.
 *
 * @param {string} name
 */
export function nameProblem(name) {
  if (!name.trim()) return "empty";
  if ([...name].length > MAX_NAME_CHARS || utf8(name).length > MAX_NAME_BYTES) return "long";
  return CONTROL.test(name) ? "control" : null;
}

/**
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {string} name
 * @param {number} nowMs
 * @param {Uint8Array} [nonce]
 * @returns {string} For the relay's `publicKey`.
 */
export function makeCard(link, identity, name, nowMs, nonce) {
  if (nameProblem(name)) throw new RangeError("that name cannot be used");
  const context = nameContext(link, identity.memberId);
  const sealedName = sealWithNonce(link.nameKey, context, pad(utf8(name), NAME_PAD_BYTES), nonce);
  const body = pack(
    label("card"),
    link.sessionId,
    identity.signKey,
    identity.boxKey,
    u64(nowMs),
    sealedName,
  );
  const signature = identity.sign(body);
  return toBase64url(pack(body, signature, mac(link.cardKey, pack(body, signature))));
}

/**
 * @param {import("./link.js").Link} link
 * @param {unknown} text The relay's `publicKey`.
 * @param {string} [ownerId] Whose it must be, as text.
 * @throws {MalformedError | ForgedError} It is not a member's with the link.
 */
export function readCard(link, text, ownerId) {
  if (typeof text !== "string") throw new MalformedError("no card");
  const [body, signature, code] = unpack(fromBase64url(text), 3);
  if (!equal(code, mac(link.cardKey, pack(body, signature)))) {
    throw new ForgedError("made without the link");
  }
  const [what, sessionId, signKey, boxKey, madeMs, sealedName] = unpack(body, 6);
  if (!equal(what, label("card")) || !equal(sessionId, link.sessionId)) {
    throw new ForgedError("a card of something else");
  }
  const memberId = memberIdOf(signKey, boxKey);
  // Before what costs: a relay can show one card as that of thousands.
  if (ownerId !== undefined && toBase64url(memberId) !== ownerId) {
    throw new ForgedError("another member's card");
  }
  checkKeys(signKey, boxKey);
  verify(signKey, body, signature);
  const context = nameContext(link, memberId);
  const name = fromUtf8(unpad(openWithNonce(link.nameKey, context, sealedName)));
  if (nameProblem(name)) throw new MalformedError("a name that cannot be used");
  return new Card({ signKey, boxKey, name, madeMs: fromU64(madeMs) });
}

/**
 * Refuse keys with which a member could hold up others: nobody could seal for it, or all would
 * disagree on what it has signed.
 *
 * @param {Uint8Array} signKey
 * @param {Uint8Array} boxKey
 */
export function checkKeys(signKey, boxKey) {
  if (signKey.length !== KEY_BYTES || boxKey.length !== KEY_BYTES) {
    throw new MalformedError("keys have 32 bytes");
  }
  if (!isPrimePoint(signKey)) throw new ForgedError("a sign key outside of the group");
  dh(PROBE, boxKey);
}

/**
 * @param {import("./link.js").Link} link
 * @param {Uint8Array} memberId
 */
function nameContext(link, memberId) {
  return pack(label("name"), link.sessionId, memberId);
}
