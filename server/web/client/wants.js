// @ts-check
/** Keys that are lacking, and who was asked for them. Whoever makes many up puts out only its own. */

const MAX_OF_ONE = 500;
const STRANGERS = ""; // all together, as the relay can make up as many as it likes

/**
 * A key that is lacking.
 *
 * @typedef {object} Want
 * @property {string} id Of the epoch.
 * @property {string} senderId Whose it is.
 * @property {Set<string>} asked Who was asked.
 * @property {string | null} awaited Of whom the answer may still come.
 * @property {number} dueMs When the next one is asked if it does not.
 * @property {boolean} isLacking Nobody who is there gives it, and that was told.
 */

export class Wants {
  /** @type {Map<string, Map<string, Want>>} By who claims it, then by epoch id. */
  #groups = new Map();

  /** @returns {Want[]} In the order in which they came, of each sender. */
  get all() {
    return [...this.#groups.values()].flatMap((group) => [...group.values()]);
  }

  /**
   * @param {string} id
   * @returns {Want[]} One for each who says that it is its own.
   */
  of(id) {
    return [...this.#groups.values()].flatMap((group) => group.get(id) ?? []);
  }

  /**
   * Look for a key as that of a sender, whoever else says that it is its own. What nobody gave is
   * looked for anew: an answer may have been lost.
   *
   * @param {string} id
   * @param {string} senderId
   * @param {boolean} isStranger Nobody has signed that.
   * @returns {Want | undefined} The oldest of the same, if it had to go for this one.
   */
  add(id, senderId, isStranger) {
    const before = this.#remove(senderId, id) ?? this.#removeStrangers(senderId, id);
    const known = before?.isLacking ? undefined : before;
    const { asked, awaited, dueMs } = known ?? { asked: new Set(), awaited: null, dueMs: 0 };
    const place = isStranger ? STRANGERS : senderId;
    const group = this.#groups.get(place) ?? new Map();
    this.#groups.set(place, group);
    group.set(id, { id, senderId, asked, awaited, dueMs, isLacking: false });
    if (group.size <= MAX_OF_ONE) return undefined;
    const [oldest] = group.values();
    group.delete(oldest.id);
    return oldest;
  }

  /** @param {string} id */
  delete(id) {
    for (const place of [...this.#groups.keys()]) this.#remove(place, id);
  }

  /**
   * @param {string} place
   * @param {string} id
   */
  #remove(place, id) {
    const group = this.#groups.get(place);
    const want = group?.get(id);
    if (group?.delete(id) && group.size === 0) this.#groups.delete(place);
    return want;
  }

  /**
   * @param {string} senderId Who was a stranger, or still is.
   * @param {string} id
   */
  #removeStrangers(senderId, id) {
    const want = this.#groups.get(STRANGERS)?.get(id);
    return want?.senderId === senderId ? this.#remove(STRANGERS, id) : undefined;
  }
}
