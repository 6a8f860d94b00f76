// @ts-check
/** Who has told that it has fetched which file: the relay says so once, and keeps nothing of it. */

export class Downloads {
  /** @type {Map<string, Set<string>>} Member ids by file id. */
  #members = new Map();

  /**
   * @param {string} fileId
   * @param {string} memberId
   * @returns {boolean} Whether that is new.
   */
  add(fileId, memberId) {
    const members = this.#members.get(fileId) ?? new Set();
    if (members.has(memberId)) return false;
    this.#members.set(fileId, members.add(memberId));
    return true;
  }

  /**
   * @param {string} fileId
   * @returns {string[]} Ids of members, in the order in which they told it.
   */
  of(fileId) {
    return [...(this.#members.get(fileId) ?? [])];
  }

  /** What is to be kept for after a reload. */
  export() {
    return [...this.#members].map(([fileId, members]) => ({ fileId, members: [...members] }));
  }

  /** @param {ReturnType<Downloads["export"]>} kept */
  import(kept) {
    for (const { fileId, members } of kept) this.#members.set(fileId, new Set(members));
  }
}
