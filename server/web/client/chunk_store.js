// @ts-check
/** Sealed chunks of files in the browser's database: they outlive a reload, and take no memory. */

import { answerOf, CHUNKS, endOf, openDatabase, rangeOf } from "./database.js";

/** A `ChunkStore` of files.js. */
export class IndexedChunks {
  #database;
  #sessionId;

  /**
   * @param {IDBDatabase} database
   * @param {string} sessionId
   */
  constructor(database, sessionId) {
    this.#database = database;
    this.#sessionId = sessionId;
  }

  /**
   * @param {import("../protocol/link.js").Link} link
   * @returns {Promise<IndexedChunks>}
   * @throws {DOMException} This browser keeps nothing; `MemoryChunks` must do.
   */
  static async open({ relaySessionId }) {
    return new IndexedChunks(await openDatabase(), relaySessionId);
  }

  /**
   * @param {string} fileId
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async put(fileId, index, sealed) {
    const transaction = this.#database.transaction(CHUNKS, "readwrite");
    // A copy: the bytes may be part of a larger buffer, all of which would be written.
    transaction.objectStore(CHUNKS).put(sealed.slice(), [this.#sessionId, fileId, index]);
    await endOf(transaction);
  }

  /**
   * @param {string} fileId
   * @param {number} index
   * @returns {Promise<Uint8Array | null>}
   */
  async get(fileId, index) {
    const chunk = await answerOf(this.#chunks.get([this.#sessionId, fileId, index]));
    return chunk ?? null;
  }

  /**
   * @param {string} fileId
   * @returns {Promise<number[]>}
   */
  async indexes(fileId) {
    const keys = await answerOf(this.#chunks.getAllKeys(rangeOf(this.#sessionId, fileId)));
    return keys.map((key) => Number(/** @type {IDBValidKey[]} */ (key)[2]));
  }

  /** @param {string} fileId */
  async drop(fileId) {
    const transaction = this.#database.transaction(CHUNKS, "readwrite");
    transaction.objectStore(CHUNKS).delete(rangeOf(this.#sessionId, fileId));
    await endOf(transaction);
  }

  get #chunks() {
    return this.#database.transaction(CHUNKS).objectStore(CHUNKS);
  }
}
