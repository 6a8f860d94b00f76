// @ts-check
/** Chunks of files on their way to others. */

import { toBase64url, u64 } from "../protocol/bytes.js";

const MAX_CHUNKS = 64;
const MAX_SERVINGS = 16;

/** @typedef {import("./roster.js").Person} Person */

export class Serving {
  #store;
  #send;
  /** @type {Map<string, symbol>} Which request is being answered, by reader and file. */
  #turns = new Map();

  /**
   * @param {import("./files.js").ChunkStore} store
   * @param {import("./files.js").FileReports["send"]} send
   */
  constructor(store, send) {
    this.#store = store;
    this.#send = send;
  }

  /**
   * Send some chunks of a file, one after the other.
   *
   * A new request takes the place of the one before: nobody is sent the same twice at a time.
   *
   * @param {Person} person
   * @param {Uint8Array} fileId
   * @param {number} first
   * @param {number} count
   */
  async begin(person, fileId, first, count) {
    const place = placeOf(person, fileId);
    if (!this.#turns.has(place) && this.#turns.size >= MAX_SERVINGS) return;
    const turn = Symbol(place);
    this.#turns.set(place, turn);
    try {
      for (let at = 0; at < Math.min(count, MAX_CHUNKS) && this.#turns.get(place) === turn; at++) {
        if (!(await this.#sendOne(person, fileId, first + at))) break;
      }
    } finally {
      if (this.#turns.get(place) === turn) this.#turns.delete(place);
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   */
  end(person, fileId) {
    this.#turns.delete(placeOf(person, fileId));
  }

  stop() {
    this.#turns.clear();
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   * @param {number} index
   * @returns {Promise<boolean>} Whether the next may follow.
   */
  async #sendOne(person, fileId, index) {
    if (!person.isPresent || person.isRemoved) return false;
    const sealed = await this.#store.get(toBase64url(fileId), index);
    if (sealed) await this.#send(person, "file-chunk", [fileId, u64(index), sealed]);
    else await this.#send(person, "file-gone", [fileId]);
    return sealed !== null;
  }
}

/**
 * @param {Person} person
 * @param {Uint8Array} fileId
 */
function placeOf({ id }, fileId) {
  return `${id} ${toBase64url(fileId)}`;
}
