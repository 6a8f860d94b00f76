// @ts-check
/** Messages that cannot be read yet: some for a key, some for the card of who sent them. */

/**
 * @typedef {object} WaitingMessage
 * @property {import("./heard.js").RelayMessage} relayed
 * @property {import("../protocol/envelope.js").Envelope | null} envelope Null while its sender is a stranger.
 * @property {string} id Of its entry.
 * @property {boolean} isLate
 * @property {boolean} isTrimmed
 */

/** Those of strangers, whom the relay can make up, cannot put out the others. */
const BOUNDS = {
  known: { count: 20_000, chars: 32_000_000 },
  stranger: { count: 2_000, chars: 8_000_000 },
};

/** @typedef {keyof typeof BOUNDS} Kind */

export class WaitingRoom {
  #rooms = { known: new Room(BOUNDS.known), stranger: new Room(BOUNDS.stranger) };

  /** @returns {WaitingMessage[]} In the order in which they came, of each kind. */
  get all() {
    return [...this.#rooms.known.messages, ...this.#rooms.stranger.messages];
  }

  /**
   * @param {WaitingMessage} message
   * @returns {WaitingMessage[]} Those that had to go for it, the oldest.
   */
  put(message) {
    return this.#rooms[message.envelope ? "known" : "stranger"].put(message);
  }

  /**
   * Take those that wait no longer.
   *
   * @param {(message: WaitingMessage) => boolean} isReady
   */
  take(isReady) {
    const { known, stranger } = this.#rooms;
    return [...known.take(isReady), ...stranger.take(isReady)];
  }
}

class Room {
  #bounds;
  #chars = 0;
  /** @type {WaitingMessage[]} */
  messages = [];

  /** @param {{count: number, chars: number}} bounds */
  constructor(bounds) {
    this.#bounds = bounds;
  }

  /** @param {WaitingMessage} message */
  put(message) {
    this.messages.push(message);
    this.#chars += charsOf(message);
    const { count, chars } = this.#bounds;
    let gone = 0;
    while (this.messages.length - gone > count || this.#chars > chars) {
      this.#chars -= charsOf(this.messages[gone++]);
    }
    return this.messages.splice(0, gone);
  }

  /** @param {(message: WaitingMessage) => boolean} isReady */
  take(isReady) {
    /** @type {WaitingMessage[]} */
    const ready = [];
    this.messages = this.messages.filter((message) => !isReady(message) || !ready.push(message));
    this.#chars -= ready.reduce((sum, message) => sum + charsOf(message), 0);
    return ready;
  }
}

/** @param {WaitingMessage} message */
function charsOf({ relayed }) {
  return relayed.encrypted?.length ?? 0;
}
