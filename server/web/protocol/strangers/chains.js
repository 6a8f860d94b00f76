// @ts-check
/** Keys of a sender, one for each message, each made of the one before. docs/PROTOCOL.md, section 17. */

import { u64 } from "../bytes.js";
import { derive, ForgedError, KEY_BYTES, randomBytes } from "../primitives.js";

export const CHAIN_ID_BYTES = 16;

/** A chain of keys has no more; the next message begins another one. */
export const MAX_CHAIN_MESSAGES = 100;

/**
 * What a chain of keys is for.
 *
 * @typedef {object} ChainTag
 * @property {Uint8Array} sender Member id.
 * @property {number} epoch The relay's number for the set of members.
 * @property {Uint8Array} members As of `membersHash`.
 * @property {number} first The number of its first message.
 */

/** A chain of keys at one of its messages: what was before cannot be had from it. */
export class KeyChain {
  #key;
  #next;
  /** @type {Map<number, Uint8Array>} Of messages that were passed over. */
  #skipped = new Map();

  /**
   * @param {Uint8Array} place
   * @param {ChainTag} tag
   * @param {Uint8Array} [firstKey]
   */
  constructor(place, tag, firstKey = randomBytes(KEY_BYTES)) {
    this.place = place;
    this.#key = firstKey.slice();
    this.#next = tag.first;
    this.tag = tag;
    this.id = chainIdOf(place, tag, firstKey);
  }

  /** Whether it has a key for that message. */
  isFor(/** @type {number} */ number) {
    const { first } = this.tag;
    return number >= first && number < first + MAX_CHAIN_MESSAGES;
  }

  /**
   * The key of a message, which stays until `forget`.
   *
   * @param {number} number
   * @returns {Uint8Array}
   * @throws {ForgedError} The message is not of this chain, or its key was forgotten.
   */
  keyOf(number) {
    if (!this.isFor(number)) throw new ForgedError("beyond its chain of keys");
    while (this.#next <= number) {
      this.#skipped.set(this.#next, derive(this.#key, this.place, "strangers/message-key"));
      const next = derive(this.#key, this.place, "strangers/next-key");
      this.#key.fill(0);
      this.#key = next;
      this.#next += 1;
    }
    const key = this.#skipped.get(number);
    if (!key) throw new ForgedError("its key was used and forgotten");
    return key;
  }

  /** @param {number} number Of a message that was opened, or that the relay has. */
  forget(number) {
    this.#skipped.delete(number);
  }

  /** Where it is: nothing of what was before can be made of that. */
  get state() {
    return { next: this.#next, key: this.#key.slice() };
  }
}

/**
 * @param {Uint8Array} place
 * @param {ChainTag} tag
 * @param {Uint8Array} firstKey
 */
function chainIdOf(place, { sender, epoch, members, first }, firstKey) {
  const context = [sender, u64(epoch), members, u64(first)];
  return derive(firstKey, place, "strangers/chain", ...context).slice(0, CHAIN_ID_BYTES);
}
