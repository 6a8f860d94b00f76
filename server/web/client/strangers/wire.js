// @ts-check
/** The connection of one user to the relay, for random groups. */

import { Emitter } from "../emitter.js";
import { refusalOf } from "../heard.js";
import { OfflineError, RelayError } from "../relay.js";
import { socketTo } from "../socket.js";

const ANSWER_LIMIT_MS = 15_000;
const RETRY_MS = 2_000;
const EVENTS = [
  "user_joined",
  "user_left",
  "new_message",
  "user_typing",
  "key_rotation_needed",
  "group_closed",
  "joined_group",
  "auth-expired",
];

/**
 * What a group needs of a connection.
 *
 * @typedef {object} Asker
 * @property {boolean} isOpen
 * @property {(event: string, payload: Record<string, unknown>, succeeded?: (answer: any) => void) => Promise<any>} ask
 *   Raises RelayError and OfflineError; `succeeded` is called before anything is heard that came behind the answer.
 *
 * @typedef {object} WireEvents
 * @property {null} up
 * @property {null} down
 * @property {RelayError} refused The relay does not take us; there are no more tries.
 * @property {{event: string, data: unknown}} heard
 */

/** @extends {Emitter<WireEvents>} */
export class Wire extends Emitter {
  #socket;
  #isRefused = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} url Of the relay, or of the folder that it is in.
   * @param {() => string} token Asked for anew at each connection.
   */
  constructor(url, token) {
    super();
    this.#socket = socketTo(url, () => ({ token: token() }));
    this.#socket.on("connect", () => this.emit("up", null));
    this.#socket.on("connect_error", (/** @type {any} */ error) => this.#failed(error));
    this.#socket.on("disconnect", () => this.#down());
    // What happened cannot be told in full: whoever comes anew is told how things stand.
    this.#socket.on("resync", () => this.interrupt());
    for (const event of EVENTS) {
      this.#socket.on(event, (/** @type {unknown} */ data) => this.emit("heard", { event, data }));
    }
  }

  get isOpen() {
    return this.#socket.connected;
  }

  connect() {
    this.#socket.connect();
  }

  /** Go, and tell the relay so. */
  close() {
    clearTimeout(this.#retry);
    this.#socket.off(); // Nobody is told that it is down: that was wanted.
    this.#socket.disconnect();
  }

  /** Break the connection, and come back after a while. */
  interrupt() {
    this.#socket.io.engine?.close();
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   * @param {(answer: any) => void} [succeeded]
   * @returns {Promise<any>}
   */
  ask(event, payload, succeeded) {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) return reject(new OfflineError("there is no connection"));
      return this.#socket
        .timeout(ANSWER_LIMIT_MS)
        .emit(event, payload, (/** @type {unknown} */ late, /** @type {any} */ answer) => {
          if (late) return reject(new OfflineError("there was no answer"));
          if (answer?.success !== true) return reject(new RelayError(refusalOf(answer)));
          succeeded?.(answer);
          return resolve(answer);
        });
    });
  }

  #down() {
    clearTimeout(this.#retry);
    this.emit("down", null);
    this.#comeBack();
  }

  /** @param {any} error Of the library; with `data` if it is the relay's word. */
  #failed(error) {
    const refusal = error?.data && new RelayError(refusalOf({ error: error.data.code }));
    if (refusal && !refusal.isPassing) {
      this.close();
      this.#isRefused = true;
      this.emit("refused", refusal);
    } else {
      this.#comeBack();
    }
  }

  /** Whom the relay itself has sent away, the library does not bring back. */
  #comeBack() {
    if (this.#socket.active || this.#isRefused) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#socket.connect(), RETRY_MS);
  }
}
