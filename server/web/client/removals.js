// @ts-check
/** Members whom the creator has put out: the relay is asked for it until it has done so, or will not. */

import { OfflineError, RelayError } from "./relay.js";

const RETRY_MS = 2_000;

/** @typedef {{resolve: () => void, reject: (error: Error) => void}} Waiter */

export class Removals {
  #identity;
  #roster;
  #relay;
  #sender;
  /** @type {Set<string>} Whom the relay is asked to put out, or has answered about; not again while they stay. */
  #asked = new Set();
  /** @type {Map<string, Waiter[]>} */
  #waiters = new Map();
  #isStopped = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {object} parts
   * @param {import("../protocol/identity.js").Identity} parts.identity
   * @param {import("./roster.js").Roster} parts.roster
   * @param {import("./relay.js").Relay} parts.relay
   * @param {import("./sender.js").Sender} parts.sender
   */
  constructor({ identity, roster, relay, sender }) {
    this.#identity = identity;
    this.#roster = roster;
    this.#relay = relay;
    this.#sender = sender;
  }

  get #isCreator() {
    return this.#identity.id === this.#roster.creatorId;
  }

  /**
   * Tell everybody, and wait until the relay has put somebody out, or has it out already.
   *
   * @param {string} memberId
   * @returns {Promise<void>}
   * @throws {RelayError | OfflineError} It will not; or the session has ended before it has.
   */
  remove(memberId) {
    if (this.#isStopped) return Promise.reject(new OfflineError("the session has ended"));
    this.#asked.delete(memberId);
    this.#sender.send({ kind: "remove", member: memberId }, null, Date.now());
    const removed = new Promise((/** @type {(_: void) => void} */ resolve, reject) => {
      const waiters = this.#waiters.get(memberId) ?? [];
      this.#waiters.set(memberId, [...waiters, { resolve, reject }]);
    });
    this.run();
    return removed;
  }

  /** Ask for all who are removed and still there. To be called when that may have changed. */
  run() {
    if (!this.#isCreator || !this.#relay.isJoined) return;
    for (const { id, isRemoved, isPresent } of this.#roster.all) {
      // The others hear it of the creator before the relay tells that somebody has gone.
      if (!isRemoved || this.#sender.waits((said) => isRemovalOf(said, id))) continue;
      if (!isPresent) this.#settle(id, null);
      else if (!this.#asked.has(id)) void this.#ask(id);
    }
  }

  /** The session has ended. Whom the relay still has is asked for after `restore`. */
  stop() {
    this.#isStopped = true;
    clearTimeout(this.#retry);
    const error = new OfflineError("the session has ended");
    for (const id of this.#waiters.keys()) this.#tell(id, error);
  }

  /** @param {string} id */
  async #ask(id) {
    this.#asked.add(id);
    try {
      await this.#relay.ask("remove-member", { userId: id });
      this.#tell(id, null);
    } catch (error) {
      this.#failed(id, /** @type {RelayError | OfflineError} */ (error));
    }
  }

  /**
   * @param {string} id
   * @param {RelayError | OfflineError} error
   */
  #failed(id, error) {
    const isRefusal = error instanceof RelayError && !error.isPassing;
    // Also when it was done, and the answer was lost.
    if (isRefusal) return this.#tell(id, error.code === "recipient_not_found" ? null : error);
    this.#asked.delete(id);
    clearTimeout(this.#retry);
    const waitMs = error instanceof RelayError ? error.retryAfterMs : undefined;
    this.#retry = setTimeout(() => this.run(), waitMs ?? RETRY_MS);
  }

  /**
   * It is gone: should it come again, it is to be put out again.
   *
   * @param {string} id
   * @param {Error | null} error
   */
  #settle(id, error) {
    this.#asked.delete(id);
    this.#tell(id, error);
  }

  /**
   * @param {string} id
   * @param {Error | null} error
   */
  #tell(id, error) {
    const waiters = this.#waiters.get(id) ?? [];
    this.#waiters.delete(id);
    for (const { resolve, reject } of waiters) {
      if (error) reject(error);
      else resolve();
    }
  }
}

/**
 * @param {import("./entries.js").Content} content
 * @param {string} memberId
 */
function isRemovalOf(content, memberId) {
  return content.kind === "remove" && content.member === memberId;
}
