// @ts-check
/** One file on its way here: some chunks at a time, of whoever has them. */

const WINDOW_CHUNKS = 8;

/**
 * @typedef {import("./roster.js").Person} Person
 *
 * @typedef {object} FetchParts
 * @property {(except: (memberId: string) => boolean) => Person | undefined} holder Somebody who has it and is there.
 * @property {(person: Person, first: number, count: number) => Promise<void>} ask
 * @property {(state: "fetching" | "paused" | "failed", doneBytes: number, reason: "wrong-chunks" | "not-kept" | null) => void} progress
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
  /** @type {Set<string>} Who has not sent what it was asked for, this time. */
  #tried = new Set();
  /** @type {Set<string>} Who has sent something else. */
  #liars = new Set();
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
    const known = new Set(here);
    const all = Array.from({ length: chunks.count }, (_, index) => index);
    this.#lacking = new Set(all.filter((index) => !known.has(index)));
  }

  get size() {
    return this.#chunks.note.size;
  }

  /** Go on, if it does not anyway. */
  wake() {
    if (this.#holder?.isPresent && this.#awaited.size > 0) return;
    this.#tried.clear();
    this.#next();
  }

  /** Begin anew with what is lacking: what was asked for was lost with the connection. */
  restart() {
    this.#tried.clear();
    this.#next();
  }

  /** Also ask those again who have sent something else. */
  forgive() {
    this.#liars.clear();
    this.wake();
  }

  /**
   * @param {Person} person
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async take(person, index, sealed) {
    if (this.#isStopped || person.id !== this.#holder?.id || !this.#awaited.has(index)) return;
    if (!this.#isRight(index, sealed)) {
      this.#liars.add(person.id);
      return this.#next();
    }
    this.#awaited.delete(index);
    this.#lacking.delete(index);
    await this.#keep(index, sealed);
    if (this.#isStopped) return;
    this.#parts.progress("fetching", this.#doneBytes, null);
    if (this.#awaited.size === 0) this.#next();
    else this.#watch();
  }

  /**
   * This one has not got it.
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

  /**
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  #isRight(index, sealed) {
    try {
      this.#chunks.check(index, sealed);
      return true;
    } catch {
      return false;
    }
  }

  /**
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async #keep(index, sealed) {
    try {
      await this.#parts.keep(index, sealed);
    } catch {
      this.stop();
      this.#parts.progress("failed", this.#doneBytes, "not-kept");
    }
  }

  #next() {
    clearTimeout(this.#stall);
    this.#awaited.clear();
    if (this.#isStopped) return;
    if (this.#lacking.size === 0) {
      this.#isStopped = true;
      this.#parts.done();
      return;
    }
    const holder = this.#parts.holder((id) => this.#tried.has(id) || this.#liars.has(id));
    this.#holder = holder ?? null;
    if (holder) this.#askFor(holder);
    else this.#pause();
  }

  /** @param {Person} holder */
  #askFor(holder) {
    this.#parts.progress("fetching", this.#doneBytes, null);
    const [first] = this.#lacking;
    let count = 0;
    while (count < WINDOW_CHUNKS && this.#lacking.has(first + count)) {
      this.#awaited.add(first + count);
      count++;
    }
    this.#watch();
    void this.#parts.ask(holder, first, count);
  }

  /** Nobody has it, or nobody sends it now: those who are there are asked again after a while. */
  #pause() {
    const isLied = this.#tried.size === 0 && this.#parts.holder(() => false) !== undefined;
    const reason = isLied ? "wrong-chunks" : null;
    this.#parts.progress(isLied ? "failed" : "paused", this.#doneBytes, reason);
    if (this.#tried.size > 0) this.#stall = setTimeout(() => this.wake(), this.#parts.stallMs);
  }

  #watch() {
    clearTimeout(this.#stall);
    const holder = this.#holder;
    this.#stall = setTimeout(() => holder && this.giveUp(holder), this.#parts.stallMs);
  }
}
