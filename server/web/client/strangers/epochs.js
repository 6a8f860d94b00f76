// @ts-check
/** Which members the relay has told of under which number. docs/PROTOCOL.md, sections 16 and 17. */

import { equal, toBase64url } from "../../protocol/bytes.js";
import { membersHash } from "../../protocol/strangers/place.js";

const MAX_EPOCHS = 64;

/**
 * What keys or messages are that name an epoch and its members.
 *
 * @typedef {"good" | "before" | "split" | "ahead"} Verdict
 */

export class Epochs {
  #place;
  /** @type {Map<number, {members: Uint8Array, memberIds: Set<string> | null}>} In the order in which they were learnt. */
  #known = new Map();
  /** @type {number | null} The epoch in which we came, or the oldest that is remembered. */
  #oldest = null;

  newest = 0;
  newestAtMs = 0;

  /** @param {Uint8Array} place */
  constructor(place) {
    this.#place = place;
  }

  /** The hash of the newest members. */
  get members() {
    const known = this.#known.get(this.newest);
    if (!known) throw new Error("no members were told");
    return known.members;
  }

  /**
   * Take what the relay tells.
   *
   * @param {number} epoch
   * @param {{userId: string, memberId: Uint8Array}[]} entries
   * @param {number} nowMs
   * @returns {"new" | "same" | "split"} Split is what contradicts what was told before.
   */
  tell(epoch, entries, nowMs) {
    const members = membersHash(this.#place, entries);
    const known = this.#known.get(epoch);
    if (known && !equal(known.members, members)) return "split";
    if (this.#oldest !== null && epoch <= this.newest) return known ? "same" : "split";
    this.#oldest ??= epoch;
    const memberIds = new Set(entries.map(({ memberId }) => toBase64url(memberId)));
    this.#learn(epoch, { members, memberIds });
    this.newest = epoch;
    this.newestAtMs = nowMs;
    return "new";
  }

  /**
   * Compare with what a sender has signed.
   *
   * @param {{epoch: number, members: Uint8Array, sender: Uint8Array}} said
   * @returns {Verdict}
   */
  judge({ epoch, members, sender }) {
    if (epoch < (this.#oldest ?? 0)) return "before";
    if (epoch > this.newest) return "ahead";
    const known = this.#known.get(epoch);
    if (!known) return "good"; // Of a time of which nothing was told: `note` makes it count.
    const isMember = known.memberIds?.has(toBase64url(sender)) ?? true;
    return isMember && equal(known.members, members) ? "good" : "split";
  }

  /**
   * The first that is heard of an epoch counts, where the relay has told nothing.
   *
   * @param {number} epoch
   * @param {Uint8Array} members
   */
  note(epoch, members) {
    if (!this.#known.has(epoch)) this.#learn(epoch, { members: members.slice(), memberIds: null });
  }

  /**
   * @param {number} epoch
   * @param {{members: Uint8Array, memberIds: Set<string> | null}} known
   */
  #learn(epoch, known) {
    this.#known.set(epoch, known);
    if (this.#known.size <= MAX_EPOCHS) return;
    const [forgotten] = this.#known.keys();
    this.#known.delete(forgotten);
    this.#oldest = Math.max(this.#oldest ?? 0, forgotten + 1);
  }
}
