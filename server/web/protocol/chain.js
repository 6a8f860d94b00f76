// @ts-check
/** Chains: what of a sender's messages is missing, late, repeated or forked. docs/PROTOCOL.md, section 8. */

import { equal } from "./bytes.js";
import { Gaps } from "./gaps.js";
import { HASH_BYTES } from "./primitives.js";

export const NO_HASH = new Uint8Array(HASH_BYTES);

const KEPT_MESSAGES = 5_000;

/**
 * @typedef {import("./gaps.js").Gap} Gap
 * @typedef {"next" | "late" | "repeated" | "forked"} Place
 * @typedef {{number: number, hash: Uint8Array, previous: Uint8Array}} ChainLink
 */

/** The messages of one sender to one audience, as one receiver has seen them. */
export class Chain {
  /** @type {Map<number, ChainLink>} In the order in which they came. */
  #links = new Map();
  #gaps = new Gaps();
  #oldest = 1; // Of what is below, nothing is known any more.

  /** The newest number that came, or of which the sender told; 0 for none. */
  newest = 0;

  /** What should have come and has not. */
  get gaps() {
    return this.#gaps.all;
  }

  /**
   * Note a message that is truly the sender's, and tell where it belongs.
   *
   * @param {ChainLink} link
   * @param {number} from The first number that was for this receiver; 0 if the message does not tell.
   * @returns {{place: Place, gap: Gap | null}} The gap is what is missing before it.
   */
  take(link, from) {
    const place = this.#placeOf(link);
    if (place !== "next" && place !== "late") return { place, gap: null };
    const gap = place === "next" ? this.#gapBefore(link.number, from) : null;
    if (gap) this.#gaps.add(gap);
    if (this.newest === 0 && !gap) this.#oldest = link.number;
    this.#gaps.fill(link.number);
    this.newest = Math.max(this.newest, link.number);
    this.#keep(link);
    return { place, gap };
  }

  /**
   * Compare with what the sender says of its newest message.
   *
   * @param {number} number
   * @param {Uint8Array} hash
   * @returns {{isForked: boolean, gap: Gap | null}} The gap is what has not come yet.
   */
  compare(number, hash) {
    const known = this.#links.get(number);
    if (known) return { isForked: !equal(known.hash, hash), gap: null };
    const isBehind = this.newest > 0 && number > this.newest;
    return { isForked: false, gap: isBehind ? { first: this.newest + 1, last: number } : null };
  }

  /**
   * Count as missing what a head told of and what has not come in time.
   *
   * @param {number} number Up to this one.
   * @returns {Gap | null}
   */
  giveUp(number) {
    if (number <= this.newest) return null;
    const gap = { first: this.newest + 1, last: number };
    this.#gaps.add(gap);
    this.newest = number;
    return gap;
  }

  /**
   * @param {ChainLink} link
   * @returns {Place}
   */
  #placeOf({ number, hash, previous }) {
    const known = this.#links.get(number);
    if (known) return equal(known.hash, hash) ? "repeated" : "forked";
    const before = number === 1 ? NO_HASH : this.#links.get(number - 1)?.hash;
    const after = this.#links.get(number + 1)?.previous;
    if ((before && !equal(before, previous)) || (after && !equal(after, hash))) return "forked";
    if (number > this.newest) return "next";
    return this.#gaps.has(number) || number < this.#oldest ? "late" : "repeated";
  }

  /**
   * @param {number} number
   * @param {number} from
   * @returns {Gap | null}
   */
  #gapBefore(number, from) {
    const first = this.newest ? this.newest + 1 : from || number;
    if (!this.newest && first < number) this.#oldest = first;
    return first < number ? { first, last: number - 1 } : null;
  }

  /** @param {ChainLink} link */
  #keep(link) {
    this.#links.set(link.number, link);
    if (this.#links.size <= KEPT_MESSAGES) return;
    const [forgotten] = this.#links.keys();
    this.#links.delete(forgotten);
  }
}
