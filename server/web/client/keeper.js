// @ts-check
/** Hands to the vault what a session must know after a reload, and takes it back. */

const SOON_MS = 500;

/**
 * @typedef {object} KeptParts
 * @property {import("./roster.js").Roster} roster
 * @property {import("./epochs.js").Epochs} epochs
 * @property {import("./receiver.js").Receiver} receiver
 * @property {import("./sender.js").Sender} sender
 */

export class Keeper {
  #vault;
  #parts;
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

  /** @param {import("./keeping.js").Kept} kept */
  restore({ roster, epochs, receiver, sender }) {
    if (roster) this.#parts.roster.import(roster, Date.now());
    if (epochs) this.#parts.epochs.import(epochs);
    if (receiver) this.#parts.receiver.import(receiver);
    if (sender) this.#parts.sender.import(sender);
  }

  /** Keep what was seen, before long: after a flood once, not for each message. */
  soon() {
    this.#timer ??= setTimeout(() => void this.#keepSeen(), SOON_MS);
  }

  /** Keep what is still to be kept. */
  stop() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    void this.#keepSeen();
  }

  async forget() {
    await this.#vault.forget();
  }

  async #keepSeen() {
    this.#timer = undefined;
    const { roster, epochs, receiver } = this.#parts;
    await Promise.all([
      this.#vault.keep("roster", roster.export()),
      this.#vault.keep("epochs", epochs.export()),
      this.#vault.keep("receiver", receiver.export()),
    ]);
  }
}
