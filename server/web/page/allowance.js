// @ts-check
/** Which pictures are fetched unasked: small ones, as long as they are not too many. */

const PICTURE_BYTES = 2_000_000;
/** A sender who comes again under another name is a new one: what all have together is what holds. */
const OF_SENDER = { pictures: 20, bytes: 10_000_000 };
const OF_ALL = { pictures: 60, bytes: 30_000_000 };

/** @typedef {{pictures: number, bytes: number}} Amount */

export class Allowance {
  #all = { pictures: 0, bytes: 0 };
  /** @type {Map<string, Amount>} */
  #senders = new Map();
  /** @type {Set<string>} Ids of files that were asked about. */
  #known = new Set();

  /**
   * Whether a picture is fetched unasked; it counts from then on.
   *
   * Ask in the order in which messages come, also of what is here: then a reload gives no more.
   *
   * @param {import("../protocol/chunks.js").FileNote} note
   * @param {string} senderId
   * @returns {boolean} False too if it was asked about before.
   */
  take({ id, size }, senderId) {
    if (size > PICTURE_BYTES || this.#known.has(id)) return false;
    this.#known.add(id);
    const sender = this.#senders.get(senderId) ?? { pictures: 0, bytes: 0 };
    if (!hasRoom(sender, OF_SENDER, size) || !hasRoom(this.#all, OF_ALL, size)) return false;
    this.#senders.set(senderId, sender);
    for (const amount of [sender, this.#all]) {
      amount.pictures += 1;
      amount.bytes += size;
    }
    return true;
  }
}

/**
 * @param {Amount} had
 * @param {Amount} limit
 * @param {number} size
 */
function hasRoom({ pictures, bytes }, limit, size) {
  return pictures < limit.pictures && bytes + size <= limit.bytes;
}
