// @ts-check
/** One file on its way here: some chunks at a time, of whoever has them. */

const WINDOW_CHUNKS = 8;

/**
 * @typedef {import("./roster.js").Person} Person
 *
 * @typedef {object} FetchParts
 * @property {(tried: Set<string>) => Person | undefined} holder Somebody who has it and is there.
 * @property {(person: Person, first: number, count: number) => Promise<void>} ask
 * @property {(state: "fetching" | "paused", doneBytes: number) => void} progress
 * @property {(index: number, sealed: Uint8Array) => Promise<void>} keep
 * @property {() => void} done
 * @property {number} stallMs After which another one is asked.
 */

export class Fetch {
  #chunks;
  #parts;
  /** @type {Set<number>} */
  #lacking;
  /** @type {Set<number>} Asked for, of this holder. */
  #awaited = new Set();
  /** @type {Person | null} */
  #holder = null;
  /** @type {Set<string>} Who has failed us. */
  #tried = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #stall;
  #isStopped = false;

  /**
   * @param {import("../protocol/chunks.js").Chunks} chunks
   * @param {number[]} here Indexes of chunks that were fetched before.
   * @param {FetchParts} parts
   */
  constructor(chunks, here, parts) {
    this.#chunks = chunks;
    this.#parts = parts;
    const all = Array.from({ length: chunks.count }, (_, index) => index);
    this.#lacking = new Set(all.filter((index) => !here.includes(index)));
  }

  get size() {
    return this.#chunks.note.size;
  }

  /** Go on, if it does not anyway. */
  wake() {
    if (this.#isStopped || (this.#holder?.isPresent && this.#awaited.size > 0)) return;
    this.#tried.clear();
    this.#next();
  }

  /**
   * @param {Person} person
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async take(person, index, sealed) {
    if (this.#isStopped || person.id !== this.#holder?.id || !this.#awaited.has(index)) return;
    try {
      this.#chunks.check(index, sealed);
    } catch {
      this.giveUp(person);
      return;
    }
    await this.#parts.keep(index, sealed);
    this.#awaited.delete(index);
    this.#lacking.delete(index);
    if (this.#isStopped) return;
    this.#parts.progress("fetching", this.#doneBytes);
    if (this.#awaited.size === 0) this.#next();
    else this.#watch();
  }

  /**
   * This one has not got it, or sends something else.
   *
   * @param {Person} person
   */
  giveUp(person) {
    if (person.id !== this.#holder?.id) return;
    this.#tried.add(person.id);
    this.#next();
  }

  /** @returns {Person | null} Who was sending it. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#stall);
    return this.#holder;
  }

  get #doneBytes() {
    const { size, chunk } = this.#chunks.note;
    return Math.max(0, size - this.#lacking.size * chunk);
  }

  #next() {
    clearTimeout(this.#stall);
    this.#awaited.clear();
    if (this.#lacking.size === 0) {
      this.#isStopped = true;
      this.#parts.done();
      return;
    }
    this.#holder = this.#parts.holder(this.#tried) ?? null;
    this.#parts.progress(this.#holder ? "fetching" : "paused", this.#doneBytes);
    if (this.#holder) this.#askFor(this.#holder);
  }

  /** @param {Person} holder */
  #askFor(holder) {
    const [first] = this.#lacking;
    let count = 0;
    while (count < WINDOW_CHUNKS && this.#lacking.has(first + count)) {
      this.#awaited.add(first + count);
      count++;
    }
    this.#watch();
    void this.#parts.ask(holder, first, count);
  }

  #watch() {
    clearTimeout(this.#stall);
    const holder = this.#holder;
    this.#stall = setTimeout(() => holder && this.giveUp(holder), this.#parts.stallMs);
  }
}
