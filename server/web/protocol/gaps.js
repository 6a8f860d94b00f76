// @ts-check
/** Which numbers of a sequence are absent. Ranges, since a hostile sender may leap by billions. */

const MAX_GAPS = 1_000;

/** @typedef {{first: number, last: number}} Gap Both are absent, and all between. */

/** Ranges of numbers that do not touch, in rising order; of too many, the lowest are forgotten. */
export class Gaps {
  /** @type {Gap[]} */
  #gaps = [];

  get all() {
    return this.#gaps.map((gap) => ({ ...gap }));
  }

  /** @param {Gap} gap Above all others, or below them. */
  add({ first, last }) {
    if (last < (this.#gaps[0]?.first ?? 0)) this.#gaps.unshift({ first, last });
    else this.#gaps.push({ first, last });
    if (this.#gaps.length > MAX_GAPS) this.#gaps.shift();
  }

  /** @param {number} number */
  has(number) {
    return this.#indexOf(number) >= 0;
  }

  /** @param {number} number Absent no more. */
  fill(number) {
    const at = this.#indexOf(number);
    if (at < 0) return;
    const { first, last } = this.#gaps[at];
    const rest = [
      { first, last: number - 1 },
      { first: number + 1, last },
    ];
    this.#gaps.splice(at, 1, ...rest.filter((gap) => gap.first <= gap.last));
  }

  /** @param {number} number */
  #indexOf(number) {
    return this.#gaps.findIndex(({ first, last }) => first <= number && number <= last);
  }
}
