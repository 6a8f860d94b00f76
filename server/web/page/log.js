// @ts-check
/**
 * The conversation as it is drawn: entries in blocks, so that a new one concerns one block only.
 *
 * Entries come in haste after a connection; they are taken over once for each drawn frame, and a
 * bounded number at a time.
 */

import { batch, signal } from "../vendor/preact.js";

const BLOCK_ENTRIES = 40;
const FRAME_ENTRIES = 120;
/** In a hidden tab no frames are drawn. */
const HIDDEN_MS = 250;

/**
 * @typedef {import("../client/entries.js").Entry} Entry
 * @typedef {import("../vendor/preact.js").Signal<readonly Entry[]>} Block
 */

export class Log {
  /** @type {import("../vendor/preact.js").Signal<readonly Block[]>} */
  blocks = signal(/** @type {readonly Block[]} */ ([]));
  /** @type {Map<string, number>} Where each entry stands. */
  #places = new Map();
  /** @type {Map<string, number>} How much of what a notice counts is of each entry. */
  #shares = new Map();
  #length = 0;
  /** @type {Entry[]} */
  #waiting = [];
  /** @type {() => void} */
  #cancel = () => {};
  #taken;

  /** @param {(entries: readonly Entry[]) => void} taken Told of those that are new, not of changes. */
  constructor(taken) {
    this.#taken = taken;
  }

  get length() {
    return this.#length;
  }

  /** @param {Entry} entry */
  add(entry) {
    this.#waiting.push(entry);
    if (this.#waiting.length === 1) this.#plan();
  }

  /** Take over all that waits. */
  flush() {
    this.#cancel();
    this.#take(this.#waiting.splice(0));
  }

  clear() {
    this.#cancel();
    this.#waiting = [];
    this.#places.clear();
    this.#shares.clear();
    this.#length = 0;
    this.blocks.value = [];
  }

  #plan() {
    this.#cancel();
    const frame = requestAnimationFrame(() => this.#step());
    const timer = setTimeout(() => this.#step(), HIDDEN_MS);
    this.#cancel = () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }

  #step() {
    this.#cancel();
    this.#take(this.#waiting.splice(0, FRAME_ENTRIES));
    if (this.#waiting.length > 0) this.#plan();
  }

  /** @param {Entry[]} entries */
  #take(entries) {
    /** @type {Entry[]} */
    const fresh = [];
    /** @type {Map<number, Entry[]>} Blocks that change. */
    const changed = new Map();
    for (const entry of entries) {
      const place = this.#places.get(entry.id);
      if (place !== undefined) this.#renew(this.#edit(changed, place), place, entry);
      else if (this.#append(changed, entry)) fresh.push(entry);
    }
    batch(() => {
      this.#draw(changed);
      this.#taken(fresh);
    });
  }

  /**
   * @param {Map<number, Entry[]>} changed
   * @param {Entry} entry
   */
  #append(changed, entry) {
    const last = this.#length - 1;
    const block = last < 0 ? undefined : this.#edit(changed, last);
    const before = block?.[last % BLOCK_ENTRIES];
    if (block && before && isSameNotice(before, entry)) {
      this.#places.set(entry.id, last);
      this.#renew(block, last, entry);
      return false;
    }
    const place = this.#length;
    this.#length += 1;
    this.#places.set(entry.id, place);
    if (entry.type === "notice") this.#shares.set(entry.id, entry.count);
    this.#edit(changed, place)[place % BLOCK_ENTRIES] = entry;
    return true;
  }

  /**
   * Put an entry in the place of what it was before; a row of notices counts what all of them do.
   *
   * @param {Entry[]} block
   * @param {number} place
   * @param {Entry} entry
   */
  #renew(block, place, entry) {
    const row = block[place % BLOCK_ENTRIES];
    if (row.type !== "notice" || entry.type !== "notice") {
      block[place % BLOCK_ENTRIES] = entry;
      return;
    }
    const count = row.count + entry.count - (this.#shares.get(entry.id) ?? 0);
    this.#shares.set(entry.id, entry.count);
    block[place % BLOCK_ENTRIES] = { ...row, ...entry, id: row.id, count };
  }

  /**
   * @param {Map<number, Entry[]>} changed
   * @param {number} place
   * @returns {Entry[]} A copy of its block, which may be changed.
   */
  #edit(changed, place) {
    const index = Math.floor(place / BLOCK_ENTRIES);
    const copy = changed.get(index) ?? [...(this.blocks.peek()[index]?.peek() ?? [])];
    changed.set(index, copy);
    return copy;
  }

  /** @param {Map<number, Entry[]>} changed */
  #draw(changed) {
    const blocks = this.blocks.peek();
    const added = [];
    for (const [index, entries] of [...changed].toSorted(([one], [other]) => one - other)) {
      if (index < blocks.length) blocks[index].value = entries;
      else added.push(signal(/** @type {readonly Entry[]} */ (entries)));
    }
    if (added.length > 0) this.blocks.value = [...blocks, ...added];
  }
}

/**
 * @param {Entry} one
 * @param {Entry} other
 */
function isSameNotice(one, other) {
  return (
    one.type === "notice" &&
    other.type === "notice" &&
    one.code === other.code &&
    one.memberId === other.memberId
  );
}
