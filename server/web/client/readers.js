// @ts-check
/** Who may have which file: everybody, or the two people of a private message that told of it. */

export class Readers {
  /** @type {Map<string, Set<string> | null>} By file id; null is everybody. */
  #readers = new Map();

  /**
   * A message has told of a file.
   *
   * @param {string} fileId
   * @param {string} senderId
   * @param {string | null} audience The one whom it is for; null for everybody.
   */
  admit(fileId, senderId, audience) {
    const known = this.#readers.get(fileId);
    const isForAll = audience === null || known === null;
    this.#readers.set(fileId, isForAll ? null : new Set([...(known ?? []), senderId, audience]));
  }

  /**
   * @param {string} fileId
   * @param {string} memberId
   */
  has(fileId, memberId) {
    const readers = this.#readers.get(fileId);
    return readers === null || (readers?.has(memberId) ?? false);
  }

  /**
   * Whom to tell of a file that has come.
   *
   * @param {string} fileId
   * @param {string} ownId
   * @returns {(string | null)[]} Member ids; one null for everybody.
   */
  others(fileId, ownId) {
    const readers = this.#readers.get(fileId);
    return readers ? [...readers].filter((id) => id !== ownId) : [null];
  }
}
