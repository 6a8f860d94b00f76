// @ts-check
/** Which numbers of a sequence are absent. Ranges, since a hostile sender may leap by billions. */

const MAX_GAPS = 1_000;

/** @typedef {{first: number, last: number}} Gap Both are absent, and all between. */

/** Ranges of numbers that do not touch, in rising order. */
export class Gaps {
  /** @type {Gap[]} */
  #gaps = [];

  get all() {
    return this.#gaps.map((gap) => ({ ...gap }));
  }

  /** @param {Gap} gap Above all others. */
  add(gap) {
    this.#gaps.push({ ...gap });
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
  }

  /** @param {number} number */
  has(number) {
    return this.#gaps.some(({ first, last }) => first <= number && number <= last);
  }

  /** @param {number} number Absent no more. */
  fill(number) {
    this.#gaps = this.#gaps.flatMap(({ first, last }) => {
      if (number < first || number > last) return [{ first, last }];
      return [
        { first, last: number - 1 },
        { first: number + 1, last },
      ].filter((gap) => gap.first <= gap.last);
    });
  }
}
