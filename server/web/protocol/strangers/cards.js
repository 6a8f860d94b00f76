// @ts-check
/** Cards of strangers: keys and a pseudonym that somebody claims. docs/PROTOCOL.md, section 15. */

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
} from "../bytes.js";
import { checkKeys, nameProblem } from "../card.js";
import { memberIdOf } from "../identity.js";
import { ForgedError, label, verify } from "../primitives.js";

const MAX_USER_ID_BYTES = 256;

/** What a stranger claims to be. */
export class StrangerCard {
  /**
   * @param {{userId: string, login: string, signKey: Uint8Array, boxKey: Uint8Array, madeMs: number}} said
   * @param {string} text As the relay carries it.
   */
  constructor({ userId, login, signKey, boxKey, madeMs }, text) {
    this.userId = userId;
    this.login = login;
    this.signKey = signKey;
    this.boxKey = boxKey;
    this.madeMs = madeMs;
    this.text = text;
    this.memberId = memberIdOf(signKey, boxKey);
    /** The member id as text. */
    this.id = toBase64url(this.memberId);
  }
}

/**
 * @param {import("../identity.js").Identity} identity Made for one group.
 * @param {string} userId
 * @param {string} login
 * @param {number} nowMs
 * @returns {string} For the relay's `publicKey`.
 */
export function makeStrangerCard(identity, userId, login, nowMs) {
  if (nameProblem(login)) throw new RangeError("that name cannot be used");
  const body = pack(
    label("strangers/card"),
    userId,
    login,
    identity.signKey,
    identity.boxKey,
    u64(nowMs),
  );
  return toBase64url(pack(body, identity.sign(body)));
}

/**
 * @param {unknown} text The relay's `publicKey`.
 * @param {string} userId Under which the relay shows it.
 * @throws {MalformedError | ForgedError} It is not acceptable.
 */
export function readStrangerCard(text, userId) {
  if (typeof text !== "string") throw new MalformedError("no card");
  const [body, signature] = unpack(fromBase64url(text), 2);
  const [what, owner, login, signKey, boxKey, madeMs] = unpack(body, 6);
  if (!equal(what, label("strangers/card"))) throw new MalformedError("no card of a stranger");
  if (owner.length > MAX_USER_ID_BYTES) throw new MalformedError("a user id that is too long");
  const said = {
    userId: fromUtf8(owner),
    login: fromUtf8(login),
    signKey: signKey.slice(),
    boxKey: boxKey.slice(),
    madeMs: fromU64(madeMs),
  };
  if (nameProblem(said.login)) throw new MalformedError("a name that cannot be used");
  if (said.userId !== userId) throw new ForgedError("another user's card");
  checkKeys(signKey, boxKey);
  verify(signKey, body, signature);
  return new StrangerCard(said, text);
}
