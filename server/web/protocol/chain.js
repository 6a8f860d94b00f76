// @ts-check
/** Chains: what of a sender's messages is missing, late, repeated or forked. docs/PROTOCOL.md, section 8. */

import { equal, toBase64url } from "./bytes.js";
import { Gaps } from "./gaps.js";
import { HASH_BYTES } from "./primitives.js";

export const NO_HASH = new Uint8Array(HASH_BYTES);

const KEPT_MESSAGES = 5_000;
const MARK_BYTES = 16;

/**
 * @typedef {"next" | "late" | "repeated" | "forked"} Place
 * @typedef {{number: number, hash: Uint8Array, previous: Uint8Array}} ChainLink
 * @typedef {{hash: Uint8Array, previous: Uint8Array, mark: string}} Known
 */

/** The messages of one sender to one audience, as one receiver has seen them. */
export class Chain {
  /** @type {Map<number, Known>} In the order in which they came. */
  #links = new Map();
  /** @type {Map<number, string>} The marks of what came before a reload. */
  #before = new Map();
  #gaps = new Gaps();
  #oldest = Infinity; // What is below was before our time, as far as is known.
  #toldFork = 0;
  #last = 0; // that has come

  /** The newest number that came, or of which the sender told; 0 for none. */
  newest = 0;

  /** What should have come and has not. */
  get gaps() {
    return this.#gaps.all;
  }

  /**
   * By what the newest messages that came can be told from others of the same number.
   *
   * @param {number} count At most.
   * @returns {[number, string][]} The beginning of each one's hash, by its number; in rising order.
   */
  marks(count) {
    const marks = new Map(this.#before);
    for (const [number, { mark }] of this.#links) marks.set(number, mark);
    return [...marks].sort(([one], [other]) => one - other).slice(-count);
  }

  /**
   * Take no other messages than these under their numbers, when they come again.
   *
   * @param {[number, string][]} marks Of what came before a reload.
   */
  remember(marks) {
    this.#before = new Map(marks);
  }

  /**
   * Whether this very message has come, now or before a reload.
   *
   * @param {number} number
   * @param {Uint8Array} hash
   */
  has(number, hash) {
    return (this.#links.get(number)?.mark ?? this.#before.get(number)) === markOf(hash);
  }

  /** The newest message that has come, if any. */
  get last() {
    const hash = this.#links.get(this.#last)?.hash;
    return hash && { number: this.#last, hash };
  }

  /**
   * Note a message that is truly the sender's, and tell where it belongs.
   *
   * @param {ChainLink} link
   * @param {number} from The first number that was for this receiver; 0 if that is not known.
   * @returns {{place: Place, missing: number}} How many are missing before it that were not missed until now.
   */
  take(link, from) {
    const place = this.#placeOf(link);
    if (place !== "next" && place !== "late") return { place, missing: 0 };
    this.#gaps.fill(link.number);
    const missing = place === "next" ? this.#advance(link.number) : 0;
    this.#keep(link);
    return { place, missing: missing + this.startAt(from) };
  }

  /**
   * Learn since which number the chain is for this receiver.
   *
   * @param {number} from 0 if that is not known.
   * @returns {number} How many are missing that were not missed until now.
   */
  startAt(from) {
    if (from === 0 || from >= this.#oldest || this.newest === 0) return 0;
    const late = [...this.#links.keys()].filter(
      (number) => number >= from && number < this.#oldest,
    );
    const missing = this.#oldest - from - late.length;
    this.#gaps.add({ first: from, last: this.#oldest - 1 });
    for (const number of late) this.#gaps.fill(number);
    this.#oldest = from;
    return missing;
  }

  /**
   * Compare with what the sender says of its newest message.
   *
   * @param {number} number
   * @param {Uint8Array} hash Its beginning is enough.
   * @returns {"same" | "behind" | "forked" | "ahead"} Whether we have it, lack it, have another one (told once), or have newer ones.
   */
  compare(number, hash) {
    const known = this.#links.get(number);
    if (!known) return number > this.newest ? "behind" : "ahead";
    if (equal(known.hash.subarray(0, hash.length), hash) || this.#toldFork === number)
      return "same";
    this.#toldFork = number;
    return "forked";
  }

  /**
   * Count as missing what the sender told of and what has not come in time.
   *
   * @param {number} number Up to this one.
   * @returns {number} How many.
   */
  giveUp(number) {
    if (number <= this.newest) return 0;
    if (this.newest === 0) this.#oldest = 1;
    const first = this.newest + 1;
    this.#gaps.add({ first, last: number });
    this.newest = number;
    return number - first + 1;
  }

  /**
   * @param {ChainLink} link
   * @returns {Place}
   */
  #placeOf({ number, hash, previous }) {
    const known = this.#links.get(number);
    if (known) return equal(known.hash, hash) ? "repeated" : "forked";
    if (this.#before.has(number) && !this.has(number, hash)) return "forked";
    const before = number === 1 ? NO_HASH : this.#links.get(number - 1)?.hash;
    const after = this.#links.get(number + 1)?.previous;
    if ((before && !equal(before, previous)) || (after && !equal(after, hash))) return "forked";
    if (number > this.newest) return "next";
    return this.#gaps.has(number) || number < this.#oldest ? "late" : "repeated";
  }

  /**
   * @param {number} number The newest from now on.
   * @returns {number} How many are missing before it.
   */
  #advance(number) {
    const isFirst = this.newest === 0;
    const missing = isFirst ? 0 : number - 1 - this.newest;
    if (isFirst) this.#oldest = number;
    if (missing > 0) this.#gaps.add({ first: this.newest + 1, last: number - 1 });
    this.newest = number;
    return missing;
  }

  /** @param {ChainLink} link */
  #keep({ number, hash, previous }) {
    this.#last = Math.max(this.#last, number);
    // Copies: both may be parts of a whole message, which would be kept with them.
    this.#links.set(number, {
      hash: hash.slice(),
      previous: previous.slice(),
      mark: markOf(hash),
    });
    if (this.#links.size <= KEPT_MESSAGES) return;
    const [forgotten] = this.#links.keys();
    this.#links.delete(forgotten);
  }
}

/** @param {Uint8Array} hash */
function markOf(hash) {
  return toBase64url(hash.subarray(0, MARK_BYTES));
}
