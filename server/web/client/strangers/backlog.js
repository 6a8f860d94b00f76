// @ts-check
/** What a group has heard, up to where: and after a lost connection, all that was missed. */

import { OfflineError, RelayError } from "../relay.js";
import { historyOf } from "./told.js";

const HISTORY_LIMIT = 200;
const MAX_PAGES = 10;
/** Of what is heard meanwhile, the newest; the history has the others. */
const MAX_EARLY = 1_000;
const RETRY_MS = 1_000;

/**
 * @typedef {import("./told.js").ToldMessage} ToldMessage
 *
 * @typedef {object} BacklogParts
 * @property {(event: string, payload: Record<string, unknown>) => Promise<unknown>} ask
 * @property {() => boolean} isOpen Whether there is a connection.
 * @property {(message: ToldMessage, isHistory: boolean) => void} take
 */

export class Backlog {
  #parts;
  #seq;
  #isAway = false;
  /** @type {ToldMessage[]} What is heard before all is there that came before it. */
  #early = [];
  /** Counts the tries to come back, of which the newest alone goes on. */
  #turn = 0;
  /** Ends the waiting for a better moment, if there is any. */
  #wake = () => {};

  /**
   * @param {number} seq Where we came.
   * @param {BacklogParts} parts
   */
  constructor(seq, parts) {
    this.#seq = seq;
    this.#parts = parts;
  }

  /** @param {ToldMessage} message */
  hear(message) {
    if (!this.#isAway) return this.#take(message, false);
    this.#early.push(message);
    if (this.#early.length > MAX_EARLY) this.#early.shift();
    return undefined;
  }

  /** The connection was lost. */
  down() {
    this.stop();
    this.#isAway = true;
  }

  /**
   * Get what was missed, in order; what fails for the moment is tried again.
   *
   * @returns {Promise<boolean>} Whether all is there; false if it is up to a later try.
   * @throws {RelayError} The relay refuses it for good.
   */
  async up() {
    this.stop();
    const turn = this.#turn;
    let missed = null;
    while (!missed && turn === this.#turn) {
      missed = await this.#missed().catch((error) => this.#endure(error, turn));
      if (!missed && !this.#parts.isOpen()) return false;
    }
    if (!missed || turn !== this.#turn) return false;
    for (const one of [...missed, ...this.#early.splice(0)]) this.#take(one, true);
    this.#isAway = false;
    return true;
  }

  /** Whoever tries to come back, gives up. */
  stop() {
    this.#turn += 1;
    this.#wake();
  }

  /**
   * @param {ToldMessage} message
   * @param {boolean} isHistory
   */
  #take(message, isHistory) {
    if (isHistory && message.seq <= this.#seq) return;
    this.#seq = Math.max(this.#seq, message.seq);
    this.#parts.take(message, isHistory);
  }

  /** All since the last that was heard, as far as the relay has it. */
  async #missed() {
    /** @type {ToldMessage[]} */
    let missed = [];
    for (let page = 0; page < MAX_PAGES; page++) {
      const before = missed[0]?.id;
      const { messages, hasMore } = historyOf(
        await this.#parts.ask("get_group_messages", {
          limit: HISTORY_LIMIT,
          ...(before && { before }),
        }),
      );
      missed = [...messages.filter(({ seq }) => seq > this.#seq), ...missed];
      if (!hasMore || messages.length === 0 || messages[0].seq <= this.#seq) break;
    }
    return missed;
  }

  /**
   * Wait until it may go well.
   *
   * @param {unknown} error
   * @param {number} turn Of which it is.
   * @returns {Promise<null>}
   */
  async #endure(error, turn) {
    if (turn !== this.#turn) return null;
    const isPassing =
      error instanceof OfflineError || (error instanceof RelayError && error.isPassing);
    if (!isPassing) throw error;
    if (!this.#parts.isOpen()) return null;
    const waitMs = (error instanceof RelayError && error.retryAfterMs) || RETRY_MS;
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, waitMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve(null);
      };
    });
    return null;
  }
}
