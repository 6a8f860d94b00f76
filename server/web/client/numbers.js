// @ts-check
/** Signal numbers: ours rise, and those of others must. docs/PROTOCOL.md, section 9. */

export class SignalNumbers {
  #last = 0;
  /** @type {Map<string, number>} */
  #heard = new Map();

  /** The number of the next signal; higher than all before, also after a reload. */
  next() {
    this.#last = Math.max(Date.now(), this.#last + 1);
    return this.#last;
  }

  /**
   * @param {string} senderId
   * @param {"head" | "signal"} what
   * @param {number} number
   * @returns {boolean} Whether it is new; if so, it is noted.
   */
  isNew(senderId, what, number) {
    const place = `${senderId} ${what}`;
    if (number <= (this.#heard.get(place) ?? 0)) return false;
    this.#heard.set(place, number);
    return true;
  }

  /** What is to be kept for after a reload: else old signals could be told again. */
  export() {
    return { last: this.#last, heard: [...this.#heard] };
  }

  /** @param {ReturnType<SignalNumbers["export"]>} kept */
  import({ last, heard }) {
    this.#last = last;
    this.#heard = new Map(heard);
  }
}
