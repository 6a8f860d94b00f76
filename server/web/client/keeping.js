// @ts-check
/** What outlives a page, and what does if nobody keeps anything. */

/**
 * What is kept of a session, by part.
 *
 * @typedef {object} Kept
 * @property {Me} me
 * @property {ReturnType<import("./roster.js").Roster["export"]>} [roster]
 * @property {ReturnType<import("./epochs.js").Epochs["export"]>} [epochs]
 * @property {ReturnType<import("./chains.js").Chains["export"]>} [chains]
 * @property {ReturnType<import("./numbers.js").SignalNumbers["export"]>} [numbers]
 * @property {import("./sender.js").SenderState} [sender]
 * @property {ReturnType<import("./downloads.js").Downloads["export"]>} [downloads]
 *
 * @typedef {{identity: {seed: string, boxSecret: string}, name: string, fragment: string, hasJoined: boolean, memberToken: string | null, cardMs: number}} Me
 *
 * @typedef {object} Vault
 * @property {(part: keyof Kept, value: unknown) => Promise<void>} keep
 * @property {() => Promise<void>} forget Everything.
 */

/**
 * All of them: a part that is left out here, or is none, is an error of types.
 *
 * @type {Record<keyof Kept, true>}
 */
const PARTS = {
  me: true,
  sender: true,
  roster: true,
  epochs: true,
  chains: true,
  numbers: true,
  downloads: true,
};
export const KEPT_PARTS = /** @type {(keyof Kept)[]} */ (Object.keys(PARTS));

/** @type {Vault} */
export const NO_VAULT = { keep: async () => {}, forget: async () => {} };

/**
 * Sealed chunks of files, as long as the page lives.
 *
 * A `ChunkStore` of files.js.
 */
export class MemoryChunks {
  /** @type {Map<string, Map<number, Uint8Array>>} */
  #files = new Map();

  /**
   * @param {string} fileId
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  async put(fileId, index, sealed) {
    const chunks = this.#files.get(fileId) ?? new Map();
    this.#files.set(fileId, chunks.set(index, sealed.slice()));
  }

  /**
   * @param {string} fileId
   * @param {number} index
   */
  async get(fileId, index) {
    return this.#files.get(fileId)?.get(index) ?? null;
  }

  /** @param {string} fileId */
  async indexes(fileId) {
    return [...(this.#files.get(fileId)?.keys() ?? [])];
  }

  /** @param {string} fileId */
  async drop(fileId) {
    this.#files.delete(fileId);
  }
}
