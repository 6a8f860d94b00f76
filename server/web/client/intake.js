// @ts-check
/** What the relay brings, worked off one by one in the order in which it came. */

import { WorkQueue } from "./queue.js";

/** What may wait to be looked at; a relay that sends faster for long is heard again later. */
const MAX_BACKLOG_CHARS = 128_000_000;
const LEAST_WEIGHT = 500;

/**
 * @typedef {import("./heard.js").Joined} Joined
 * @typedef {import("./heard.js").RelayMessage} RelayMessage
 * @typedef {import("./heard.js").RelaySignal} RelaySignal
 *
 * @typedef {{memberId: string, fileId: string}} Downloaded
 * @typedef {{type: "message", relayed: RelayMessage, isHistory: boolean, isTrimmed: boolean} | {type: "own", signed: import("./sender.js").Signed} | {type: "signal", signal: RelaySignal} | {type: "seq", seq: number} | {type: "arrived"} | {type: "left", code: "left" | "lost", memberId: string} | {type: "downloaded", told: Downloaded} | {type: "history", joined: Joined} | {type: "caught-up", joined: Joined} | {type: "ended", reason: string}} Incoming
 */

export class Intake {
  #relay;
  /** @type {WorkQueue<Incoming>} */
  #queue;

  /**
   * @param {import("./relay.js").Relay} relay
   * @param {(incoming: Incoming) => void | Promise<void>} take
   */
  constructor(relay, take) {
    this.#relay = relay;
    this.#queue = new WorkQueue(take);
    relay.on("message", (relayed) => {
      const weight = relayed.encrypted?.length ?? 0;
      this.#bring({ type: "message", relayed, isHistory: false, isTrimmed: false }, weight);
    });
    relay.on("signal", (signal) => this.#bring({ type: "signal", signal }, weightOf(signal)));
    relay.on("downloaded", (told) => this.#bring({ type: "downloaded", told }, 0));
    relay.on("arrived", ({ seq }) => this.put({ type: "seq", seq }));
    relay.on("departed", ({ seq }) => this.put({ type: "seq", seq }));
  }

  /**
   * Have something worked off behind all that has come by now.
   *
   * @param {Incoming} incoming
   */
  put(incoming) {
    this.#queue.put(incoming);
  }

  /**
   * Work off what the relay has kept for us.
   *
   * @param {Joined} joined
   */
  catchUp(joined) {
    this.put({ type: "history", joined });
    for (const relayed of joined.messages) {
      this.put({ type: "message", relayed, isHistory: true, isTrimmed: joined.truncated });
    }
    this.put({ type: "caught-up", joined });
  }

  clear() {
    this.#queue.clear();
  }

  /**
   * @param {Incoming} incoming
   * @param {number} weight
   */
  #bring(incoming, weight) {
    this.#queue.put(incoming, weight + LEAST_WEIGHT);
    if (this.#queue.weight <= MAX_BACKLOG_CHARS) return;
    this.#queue.clear();
    this.#relay.interrupt();
  }
}

/** @param {RelaySignal} signal */
function weightOf({ encrypted }) {
  if (typeof encrypted === "string") return encrypted.length;
  return encrypted instanceof ArrayBuffer ? encrypted.byteLength : 0;
}
