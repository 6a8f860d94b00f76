// @ts-check
/** Chunks of files on their way to others. */

import { toBase64url, u64 } from "../protocol/bytes.js";

const MAX_CHUNKS = 64;
const MAX_SERVINGS = 16;

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {{first: number, count: number}} Request
 * @typedef {{next: Request | null}} Serve One file for one reader; of what it asks for meanwhile the last.
 */

export class Serving {
  #store;
  #send;
  /** @type {Map<string, Serve>} By reader and file. */
  #serves = new Map();

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
   * Whoever asks again meanwhile waits: nobody makes us send more than one at a time.
   *
   * @param {Person} person
   * @param {Uint8Array} fileId
   * @param {Request} request
   */
  async begin(person, fileId, request) {
    const place = placeOf(person, fileId);
    const running = this.#serves.get(place);
    if (running) running.next = request;
    if (running || this.#serves.size >= MAX_SERVINGS) return;
    const serve = { next: request };
    this.#serves.set(place, serve);
    try {
      await this.#run(person, fileId, serve);
    } finally {
      if (this.#serves.get(place) === serve) this.#serves.delete(place);
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   */
  end(person, fileId) {
    this.#serves.delete(placeOf(person, fileId));
  }

  stop() {
    this.#serves.clear();
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   * @param {Serve} serve
   */
  async #run(person, fileId, serve) {
    const place = placeOf(person, fileId);
    const isOn = () => this.#serves.get(place) === serve && person.isPresent && !person.isRemoved;
    while (serve.next) {
      const { first, count } = serve.next;
      serve.next = null;
      const end = first + Math.min(count, MAX_CHUNKS);
      for (let index = first; index < end && isOn(); index++) {
        if (!(await this.#sendOne(person, fileId, index))) break;
      }
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   * @param {number} index
   * @returns {Promise<boolean>} Whether it is here.
   */
  async #sendOne(person, fileId, index) {
    // A store that breaks has it no more: whoever asks need not wait, and may ask another.
    const sealed = await this.#store.get(toBase64url(fileId), index).catch(() => null);
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
