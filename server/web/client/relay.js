// @ts-check
/** The connection to the relay: joins the session, comes back to it, asks and hears. */

import { Emitter } from "./emitter.js";
import {
  arrivedOf,
  departedOf,
  downloadedOf,
  joinedOf,
  lockedOf,
  membersOf,
  messageOf,
  refusalOf,
  signalOf,
  typingOf,
} from "./heard.js";
import { socketTo } from "./socket.js";

const ANSWER_LIMIT_MS = 15_000;
const GOODBYE_LIMIT_MS = 1_500;
const RETRY_MS = 2_000;
const PASSING = new Set([
  "rate_limited",
  "server_full",
  "unavailable",
  "internal",
  "user_id_taken",
]);
const ENDINGS = new Set(["session_expired", "removed"]);

/** The relay refused something, in its words. */
export class RelayError extends Error {
  name = "RelayError";

  /** @param {import("./heard.js").Refusal} refusal Of which the code is such as `session_not_found`. */
  constructor({ code, message, retryAfterMs }) {
    super(message);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
    /** Whether the same may go well later. */
    this.isPassing = PASSING.has(code);
  }
}

/** There was no connection, or it was lost before the answer: nobody knows whether it was done. */
export class OfflineError extends Error {
  name = "OfflineError";
}

/**
 * @typedef {import("./heard.js").RelayMember} RelayMember
 * @typedef {import("./heard.js").RelayMessage} RelayMessage
 * @typedef {import("./heard.js").RelaySignal} RelaySignal
 * @typedef {import("./heard.js").Joined} Joined
 *
 * @typedef {object} RelayEvents
 * @property {Joined} joined After each connection.
 * @property {null} down
 * @property {RelayError} refused The session cannot be joined; there are no more tries.
 * @property {RelayError} ended Expired, or removed by the creator.
 * @property {RelayMember[]} members
 * @property {RelayMessage} message
 * @property {RelaySignal} signal
 * @property {{seq: number}} arrived
 * @property {{userId: string, isLost: boolean, seq: number}} departed
 * @property {{userId: string, isTyping: boolean}} typing
 * @property {{memberId: string, fileId: string}} downloaded
 * @property {{isLocked: boolean}} locked
 * @property {null} nonsense It said something of no known shape.
 */

/** @type {Record<string, [keyof RelayEvents, (told: unknown) => unknown]>} */
const HEARD = {
  "public-keys-updated": ["members", membersOf],
  "new-message": ["message", messageOf],
  signal: ["signal", signalOf],
  "user-joined": ["arrived", arrivedOf],
  "user-left": ["departed", departedOf],
  "user-typing": ["typing", typingOf],
  "download-notification": ["downloaded", downloadedOf],
  "session-locked": ["locked", lockedOf],
};

/** @extends {Emitter<RelayEvents>} */
export class Relay extends Emitter {
  #socket;
  #sessionId;
  #joinPayload;
  #isJoined = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} url Of the relay; of the folder that it is in, if a proxy has put it into one.
   * @param {string} sessionId
   * @param {() => Record<string, unknown>} joinPayload Asked for anew at each connection.
   */
  constructor(url, sessionId, joinPayload) {
    super();
    this.#sessionId = sessionId;
    this.#joinPayload = joinPayload;
    this.#socket = socketTo(url);
    this.#socket.on("connect", () => this.#join());
    this.#socket.on("connect_error", () => this.#refusedToConnect());
    this.#socket.on("disconnect", () => this.#down());
    // What happened cannot be told in full: whoever comes anew is told how things stand.
    this.#socket.on("resync", () => this.interrupt());
    this.#socket.on("session-error", (told) => this.#hearError(told));
    for (const event of Object.keys(HEARD)) {
      this.#socket.on(event, (told) => this.#hear(event, told));
    }
  }

  get isJoined() {
    return this.#isJoined;
  }

  connect() {
    this.#socket.connect();
  }

  /** End the connection without a word: to the relay a goodbye would be leaving the session. */
  close() {
    clearTimeout(this.#retry);
    this.#isJoined = false;
    this.#socket.off(); // Nobody is told that it is down: that was wanted.
    this.#socket.io.reconnection(false);
    this.#socket.io.engine?.close();
  }

  /** Break the connection, and come back after a while. */
  interrupt() {
    this.#socket.io.engine.close();
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   * @param {() => void} [succeeded] Called before anything is heard that came behind the answer.
   * @param {number} [limitMs] For the answer.
   * @returns {Promise<any>} The relay's answer.
   * @throws {RelayError | OfflineError}
   */
  ask(event, payload, succeeded, limitMs) {
    return new Promise((resolve, reject) => {
      const done = (/** @type {any} */ answer, /** @type {Error | null} */ error) => {
        if (error) return reject(error);
        succeeded?.();
        return resolve(answer);
      };
      this.#request(event, payload, done, limitMs);
    });
  }

  /** Leave the session, if there is a line; whoever leaves does not wait long for the answer. */
  async leave() {
    await this.ask("leave-session", {}, undefined, GOODBYE_LIMIT_MS).catch(() => {
      // The relay notices when the line ends.
    });
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   * @param {(answer: any, error: RelayError | OfflineError | null) => void} done
   * @param {number} [limitMs]
   */
  #request(event, payload, done, limitMs = ANSWER_LIMIT_MS) {
    if (!this.#socket.connected) return done(null, new OfflineError("there is no connection"));
    const whole = { sessionId: this.#sessionId, ...payload };
    this.#socket
      .timeout(limitMs)
      .emit(event, whole, (/** @type {unknown} */ late, /** @type {any} */ answer) => {
        if (late) done(null, new OfflineError("there was no answer"));
        else if (answer?.success === true) done(answer, null);
        else done(null, new RelayError(refusalOf(answer)));
      });
  }

  #join() {
    // Not a promise: what comes right behind the answer must find us joined.
    this.#request("join-session", this.#joinPayload(), (joined, error) => {
      if (!error) {
        this.#isJoined = true;
        this.emit("joined", joinedOf(joined));
      } else if (error instanceof RelayError && !error.isPassing) {
        this.close();
        this.emit("refused", error);
      } else if (this.#socket.connected) {
        const waitMs = error instanceof RelayError ? error.retryAfterMs : undefined;
        this.#retry = setTimeout(() => this.#join(), waitMs ?? RETRY_MS);
      }
    });
  }

  #down() {
    clearTimeout(this.#retry);
    this.#isJoined = false;
    this.emit("down", null);
    this.#comeBack();
  }

  /** Also one that is connected can be told so, and would then wait for ever. */
  #refusedToConnect() {
    if (this.#socket.connected && !this.#socket.active) this.#socket.disconnect();
    else this.#comeBack();
  }

  /** Whom the relay itself has sent away, the library does not bring back. */
  #comeBack() {
    if (this.#socket.active) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#socket.connect(), RETRY_MS);
  }

  /**
   * @param {string} event
   * @param {unknown} told
   */
  #hear(event, told) {
    if (!this.#isJoined) return;
    const [name, read] = HEARD[event];
    const heard = read(told);
    if (heard) this.emit(name, /** @type {any} */ (heard));
    else this.emit("nonsense", null);
  }

  /** @param {unknown} told */
  #hearError(told) {
    const refusal = refusalOf(told);
    // All other errors are answers as well, and were heard there.
    if (!this.#isJoined || !ENDINGS.has(refusal.code)) return;
    this.close();
    this.emit("ended", new RelayError(refusal));
  }
}
