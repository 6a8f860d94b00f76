// @ts-check
/** The connection to the relay: joins the session, comes back to it, asks and hears. */

import { io } from "../vendor/socket.io-client.js";
import { Emitter } from "./emitter.js";

const ANSWER_LIMIT_MS = 15_000;
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

  /**
   * @param {string} code Such as `session_not_found`.
   * @param {string} message
   * @param {number} [retryAfterMs]
   */
  constructor(code, message, retryAfterMs) {
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
 * @typedef {{userId: string, publicKey: unknown, joinedAt: number}} RelayMember
 * @typedef {{id: string, from: string, to: string | null, encrypted: unknown, timestamp: number, type: string, seq: number}} RelayMessage
 * @typedef {{seq: number, truncated: boolean, locked: boolean, isCreator: boolean, memberToken: string, members: RelayMember[], messages: RelayMessage[], limits?: {ciphertextBytes: number}}} Joined
 * @typedef {{from: string, to: string | null, encrypted: unknown, timestamp: number}} RelaySignal
 * @typedef {object} RelayEvents
 * @property {Joined} joined After each connection.
 * @property {null} down
 * @property {RelayError} refused The session cannot be joined; there are no more tries.
 * @property {RelayError} ended Expired, or removed by the creator.
 * @property {RelayMember[]} members
 * @property {RelayMessage} message
 * @property {RelaySignal} signal
 * @property {{userId: string, timestamp: number, seq: number}} arrived
 * @property {{userId: string, timestamp: number, reason: string, seq: number}} departed
 * @property {{userId: string, isTyping: boolean}} typing
 * @property {{downloadedBy: string, fileName: string}} downloaded
 * @property {{locked: boolean}} locked
 */

const HEARD = /** @type {const} */ ({
  "public-keys-updated": "members",
  "new-message": "message",
  signal: "signal",
  "user-joined": "arrived",
  "user-left": "departed",
  "user-typing": "typing",
  "download-notification": "downloaded",
  "session-locked": "locked",
});

/** @extends {Emitter<RelayEvents>} */
export class Relay extends Emitter {
  #socket;
  #sessionId;
  #joinPayload;
  #isJoined = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {string} url Of the relay.
   * @param {string} sessionId
   * @param {() => Record<string, unknown>} joinPayload Asked for anew at each connection.
   */
  constructor(url, sessionId, joinPayload) {
    super();
    this.#sessionId = sessionId;
    this.#joinPayload = joinPayload;
    this.#socket = io(url, {
      autoConnect: false,
      forceNew: true,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelayMax: 5_000,
    });
    this.#socket.on("connect", () => this.#join());
    this.#socket.on("disconnect", () => this.#down());
    this.#socket.on("session-error", (told) => this.#hearError(told));
    for (const [event, name] of Object.entries(HEARD)) {
      this.#socket.on(event, (told) => this.#isJoined && this.emit(name, told));
    }
  }

  get isJoined() {
    return this.#isJoined;
  }

  connect() {
    this.#socket.connect();
  }

  close() {
    clearTimeout(this.#retry);
    this.#isJoined = false;
    this.#socket.off(); // Nobody is told that it is down: that was wanted.
    this.#socket.disconnect();
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   * @returns {Promise<any>} The relay's answer.
   * @throws {RelayError | OfflineError}
   */
  ask(event, payload) {
    return new Promise((resolve, reject) => {
      this.#request(event, payload, (answer, error) => (error ? reject(error) : resolve(answer)));
    });
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   * @param {(answer: any, error: RelayError | OfflineError | null) => void} done
   */
  #request(event, payload, done) {
    if (!this.#socket.connected) return done(null, new OfflineError("there is no connection"));
    const whole = { sessionId: this.#sessionId, ...payload };
    this.#socket
      .timeout(ANSWER_LIMIT_MS)
      .emit(event, whole, (/** @type {unknown} */ late, /** @type {any} */ answer) => {
        if (late) done(null, new OfflineError("there was no answer"));
        else if (answer?.success) done(answer, null);
        else
          done(
            null,
            new RelayError(String(answer?.error), String(answer?.message), answer?.retryAfterMs),
          );
      });
  }

  #join() {
    // Not a promise: what comes right behind the answer must find us joined.
    this.#request("join-session", this.#joinPayload(), (joined, error) => {
      if (!error) {
        this.#isJoined = true;
        this.emit("joined", joined);
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
  }

  /** @param {{error: string, message: string}} told */
  #hearError({ error, message }) {
    // All other errors are answers as well, and were heard there.
    if (!this.#isJoined || !ENDINGS.has(error)) return;
    this.close();
    this.emit("ended", new RelayError(error, message));
  }
}
