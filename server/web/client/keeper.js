// @ts-check
/** Hands to the vault what a session must know after a reload, and takes it back. */

import { reportLater } from "./emitter.js";

const SOON_MS = 500;

/** @type {SeenPart[]} */
const SEEN_PARTS = ["roster", "epochs", "chains", "numbers", "downloads"];

/**
 * @typedef {import("./keeping.js").Kept} Kept
 *
 * @typedef {"roster" | "epochs" | "chains" | "numbers" | "downloads"} SeenPart What changes by what is seen.
 *
 * @typedef {object} KeptParts
 * @property {import("./roster.js").Roster} roster
 * @property {import("./epochs.js").Epochs} epochs
 * @property {import("./chains.js").Chains} chains
 * @property {import("./numbers.js").SignalNumbers} numbers
 * @property {import("./sender.js").Sender} sender
 * @property {import("./downloads.js").Downloads} downloads
 */

export class Keeper {
  #vault;
  #parts;
  #isForgotten = false;
  /** @type {Set<SeenPart>} What has changed since it was kept. */
  #changed = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("./keeping.js").Vault} vault
   * @param {KeptParts} parts
   */
  constructor(vault, parts) {
    this.#vault = vault;
    this.#parts = parts;
  }

  /** @param {Kept} kept */
  restore({ roster, epochs, chains, numbers, sender, downloads }) {
    if (roster) this.#parts.roster.import(roster, Date.now());
    if (epochs) this.#parts.epochs.import(epochs);
    if (chains) this.#parts.chains.import(chains);
    if (numbers) this.#parts.numbers.import(numbers);
    if (sender) this.#parts.sender.import(sender);
    if (downloads) this.#parts.downloads.import(downloads);
  }

  /**
   * Keep a part now. A vault that fails is its owner's matter: the session goes on.
   *
   * @param {keyof Kept} part
   * @param {unknown} value
   */
  async keep(part, value) {
    if (this.#isForgotten) return;
    try {
      await this.#vault.keep(part, value);
    } catch (error) {
      reportLater(error);
    }
  }

  /**
   * Keep what was seen, before long: after a flood once, not for each message.
   *
   * @param {SeenPart[]} parts
   */
  soon(...parts) {
    for (const part of parts.length > 0 ? parts : SEEN_PARTS) this.#changed.add(part);
    this.#timer ??= setTimeout(() => void this.#keepSeen(), SOON_MS);
  }

  /** Keep what is still to be kept. */
  stop() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    void this.#keepSeen();
  }

  async forget() {
    clearTimeout(this.#timer);
    this.#isForgotten = true;
    await this.#vault.forget();
  }

  async #keepSeen() {
    this.#timer = undefined;
    const parts = SEEN_PARTS.filter((part) => this.#changed.has(part));
    this.#changed.clear();
    for (const part of parts) void this.keep(part, this.#parts[part].export());
  }
}
