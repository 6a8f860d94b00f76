// @ts-check
/** Which members the relay has told of under which number. docs/PROTOCOL.md, sections 16 and 17. */

import { equal, toBase64url } from "../../protocol/bytes.js";
import { membersHash } from "../../protocol/strangers/place.js";

const MAX_EPOCHS = 64;
/** How far what is signed may be ahead of what was told. */
const MAX_LEAD = 64;
/** Of how many epochs one sender may tell us that the relay has not, for each time without a connection. */
const MAX_NOTES_EACH = 32;

/**
 * What keys or messages are that name an epoch and its members.
 *
 * @typedef {"good" | "before" | "split" | "ahead"} Verdict
 *
 * @typedef {object} Known
 * @property {Uint8Array} members
 * @property {Set<string> | null} memberIds Null if a sender has told of it, and not the relay.
 * @property {string | null} notedBy The member id of that sender.
 */

export class Epochs {
  #place;
  /** @type {Map<number, Known>} */
  #known = new Map();
  /** @type {number | null} The epoch in which we came, or the oldest that is remembered. */
  #oldest = null;
  /** @type {{first: number, last: number}[]} Numbers that fell into times without a connection. */
  #gaps = [];
  #isAway = false;

  newest = 0;
  newestAtMs = 0;

  /** @param {Uint8Array} place */
  constructor(place) {
    this.#place = place;
  }

  /** The hash of the newest members. */
  get members() {
    return this.#newestKnown.members;
  }

  /** The member ids of the newest members, as base64url. */
  get memberIds() {
    return /** @type {Set<string>} */ (this.#newestKnown.memberIds);
  }

  /** The connection was lost: until a list comes again, numbers may pass that we are not told of. */
  away() {
    this.#isAway = true;
  }

  /**
   * Take what the relay tells.
   *
   * @param {number} epoch
   * @param {{userId: string, memberId: Uint8Array}[]} entries
   * @param {number} nowMs
   * @returns {"new" | "same" | "skipped" | "split"} Skipped is a new one, before which the relay has left out
   *   others; split is what contradicts what was told before, and counts nothing.
   */
  tell(epoch, entries, nowMs) {
    const members = membersHash(this.#place, entries);
    const isFirst = this.#oldest === null;
    if (!isFirst && epoch <= this.newest) return this.#repeat(epoch, members);
    const isSkipped = !isFirst && epoch > this.newest + 1;
    if (isSkipped && this.#isAway) this.#gaps.push({ first: this.newest + 1, last: epoch - 1 });
    const verdict = isSkipped && !this.#isAway ? "skipped" : "new";
    this.#isAway = false;
    this.#oldest ??= epoch;
    this.newest = epoch;
    this.newestAtMs = nowMs;
    const memberIds = new Set(entries.map(({ memberId }) => toBase64url(memberId)));
    this.#learn(epoch, { members, memberIds, notedBy: null });
    return verdict;
  }

  /**
   * Compare with what a sender has signed.
   *
   * @param {{epoch: number, members: Uint8Array, sender: Uint8Array}} said
   * @returns {Verdict}
   */
  judge({ epoch, members, sender }) {
    if (epoch < (this.#oldest ?? 0)) return "before";
    if (epoch > this.newest) return epoch - this.newest > MAX_LEAD ? "split" : "ahead";
    const known = this.#known.get(epoch);
    const senderId = toBase64url(sender);
    // Of a time of which nothing was told: `note` makes it count.
    if (!known) return this.#mayNote(epoch, senderId) ? "good" : "split";
    const isMember = known.memberIds?.has(senderId) ?? true;
    return isMember && equal(known.members, members) ? "good" : "split";
  }

  /**
   * The first that is heard of an epoch counts, where the relay could tell nothing.
   *
   * @param {{epoch: number, members: Uint8Array, sender: Uint8Array}} said Of which the verdict was good.
   */
  note({ epoch, members, sender }) {
    if (this.#known.has(epoch)) return;
    const notedBy = toBase64url(sender);
    this.#learn(epoch, { members: members.slice(), memberIds: null, notedBy });
  }

  get #newestKnown() {
    const known = this.#known.get(this.newest);
    if (!known) throw new Error("no members were told");
    return known;
  }

  /**
   * A list that is not new: only the newest may come again, or an old one would bring back who has left.
   *
   * @param {number} epoch
   * @param {Uint8Array} members
   */
  #repeat(epoch, members) {
    if (epoch !== this.newest || !equal(this.members, members)) return "split";
    this.#isAway = false;
    return "same";
  }

  /**
   * @param {number} epoch
   * @param {string} senderId
   */
  #mayNote(epoch, senderId) {
    const gap = this.#gaps.find(({ first, last }) => first <= epoch && epoch <= last);
    if (!gap) return false;
    const isNote = (/** @type {[number, Known]} */ [at, { notedBy }]) =>
      notedBy === senderId && gap.first <= at && at <= gap.last;
    return [...this.#known].filter(isNote).length < MAX_NOTES_EACH;
  }

  /**
   * @param {number} epoch
   * @param {Known} known
   */
  #learn(epoch, known) {
    this.#known.set(epoch, known);
    if (this.#known.size <= MAX_EPOCHS) return;
    const forgotten = Math.min(...this.#known.keys());
    this.#known.delete(forgotten);
    const oldest = Math.max(this.#oldest ?? 0, forgotten + 1);
    this.#oldest = oldest;
    this.#gaps = this.#gaps.filter(({ last }) => last >= oldest);
  }
}
