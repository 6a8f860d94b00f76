// @ts-check
/** Who a member is: its keys, and the id that they make. docs/PROTOCOL.md, section 3. */

import { fromBase64url, pack, toBase64url } from "./bytes.js";
import {
  boxKeyOf,
  dh,
  hash,
  KEY_BYTES,
  label,
  randomBytes,
  sign,
  signKeyOf,
} from "./primitives.js";

export const MEMBER_ID_BYTES = 24;

/**
 * @param {Uint8Array} signKey
 * @param {Uint8Array} boxKey
 */
export function memberIdOf(signKey, boxKey) {
  return hash(pack(label("member"), signKey, boxKey)).slice(0, MEMBER_ID_BYTES);
}

/** One device of a person in one session, with its secrets. */
export class Identity {
  #seed;
  #boxSecret;
  /** @type {WeakMap<Uint8Array, Uint8Array>} Secrets shared with the keys of cards, which are used again and again. */
  #agreed = new WeakMap();

  /**
   * @param {Uint8Array} seed Of the Ed25519 key.
   * @param {Uint8Array} boxSecret Of the X25519 key.
   */
  constructor(seed, boxSecret) {
    this.#seed = seed;
    this.#boxSecret = boxSecret;
    this.signKey = signKeyOf(seed);
    this.boxKey = boxKeyOf(boxSecret);
    this.memberId = memberIdOf(this.signKey, this.boxKey);
    /** The member id as text: the relay's user id. */
    this.id = toBase64url(this.memberId);
  }

  static create() {
    return new Identity(randomBytes(KEY_BYTES), randomBytes(KEY_BYTES));
  }

  /** @param {Uint8Array} message */
  sign(message) {
    return sign(this.#seed, message);
  }

  /**
   * The secret shared with the owner of a key.
   *
   * @param {Uint8Array} boxKey
   */
  agree(boxKey) {
    const secret = this.#agreed.get(boxKey) ?? dh(this.#boxSecret, boxKey);
    this.#agreed.set(boxKey, secret);
    return secret;
  }

  /** @param {ReturnType<Identity["export"]>} kept */
  static import({ seed, boxSecret }) {
    return new Identity(fromBase64url(seed), fromBase64url(boxSecret));
  }

  /** For keeping it: whoever has this is this member. */
  export() {
    return { seed: toBase64url(this.#seed), boxSecret: toBase64url(this.#boxSecret) };
  }
}
