// @ts-check
/** Files that are being sealed, so that they can be offered. */

import { sealFile } from "../protocol/chunks.js";

/** A fetch or a preparation that was ended by who asked for it. */
export class CancelledError extends Error {
  name = "CancelledError";
}

/** There is no place for a file on this device. */
export class NotKeptError extends Error {
  name = "NotKeptError";
}

/** Why a preparation failed; whatever else it was, its bytes could not be read. */
const FAILURES = /** @type {const} */ ([
  [NotKeptError, "not-kept"],
  [RangeError, "too-large"],
]);

/**
 * @typedef {import("../protocol/chunks.js").FileNote} FileNote
 * @typedef {import("./files.js").Transfer} Transfer
 */

export class Preparations {
  #store;
  #tell;
  /** @type {Set<string>} */
  #running = new Set();
  /** @type {Set<string>} Those that are to end. */
  #cancelled = new Set();

  /**
   * @param {import("./files.js").ChunkStore} store
   * @param {(transfer: Transfer) => void} tell
   */
  constructor(store, tell) {
    this.#store = store;
    this.#tell = tell;
  }

  /**
   * Seal a file into the store. If that fails, nothing of it stays there.
   *
   * @param {Blob & {name: string}} file
   * @param {string} place
   * @returns {Promise<FileNote>}
   * @throws {CancelledError}
   * @throws {NotKeptError}
   * @throws {RangeError} It is too large.
   */
  async seal(file, place) {
    const { size } = file;
    let begun = "";
    this.#running.add(place);
    this.#tell({ fileId: place, state: "preparing", doneBytes: 0, size, reason: null });
    try {
      const note = await sealFile(file, reading(file), async (fileId, index, sealed, doneBytes) => {
        begun = fileId;
        await this.#put(fileId, index, sealed);
        this.#tell({ fileId: place, state: "preparing", doneBytes, size, reason: null });
        this.#throwIfCancelled(place);
      });
      this.#throwIfCancelled(place);
      return note;
    } catch (error) {
      // A store that takes nothing may not let go of anything either.
      if (begun) await this.#store.drop(begun).catch(() => {});
      throw this.#failed(place, size, error);
    } finally {
      this.#running.delete(place);
    }
  }

  /** @param {string} place */
  cancel(place) {
    if (this.#running.has(place)) this.#cancelled.add(place);
  }

  /** End all of them. */
  stop() {
    for (const place of this.#running) this.#cancelled.add(place);
  }

  /**
   * @param {string} fileId
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async #put(fileId, index, sealed) {
    try {
      await this.#store.put(fileId, index, sealed);
    } catch (cause) {
      throw new NotKeptError("there is no place for it", { cause });
    }
  }

  /** @param {string} place */
  #throwIfCancelled(place) {
    if (this.#cancelled.has(place)) throw new CancelledError("cancelled");
  }

  /**
   * @param {string} place
   * @param {number} size
   * @param {unknown} error
   * @returns {unknown} What to raise.
   */
  #failed(place, size, error) {
    const end = { fileId: place, doneBytes: 0, size };
    if (this.#cancelled.delete(place)) {
      this.#tell({ ...end, state: "cancelled", reason: null });
      return new CancelledError("cancelled");
    }
    const known = FAILURES.find(([kind]) => error instanceof kind);
    this.#tell({ ...end, state: "failed", reason: known?.[1] ?? "unreadable" });
    return error;
  }
}

/**
 * @param {Blob} file
 * @returns {(start: number, end: number) => Promise<Uint8Array>} Reads some of it.
 */
function reading(file) {
  return async (start, end) => new Uint8Array(await file.slice(start, end).arrayBuffer());
}
