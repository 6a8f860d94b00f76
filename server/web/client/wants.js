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
   * @returns {Want | undefined}
   */
  get(id) {
    for (const group of this.#groups.values()) {
      const want = group.get(id);
      if (want) return want;
    }
    return undefined;
  }

  /**
   * @param {string} id
   * @param {string} senderId
   * @param {boolean} isStranger Nobody has signed that.
   * @returns {Want | undefined} The oldest of the same, if it had to go for this one.
   */
  add(id, senderId, isStranger) {
    const known = this.get(id);
    if (known) this.delete(id);
    const asked = known?.asked ?? new Set();
    const { awaited, dueMs } = known ?? { awaited: null, dueMs: 0 };
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
    for (const [place, group] of this.#groups) {
      if (group.delete(id) && group.size === 0) this.#groups.delete(place);
    }
  }
}
