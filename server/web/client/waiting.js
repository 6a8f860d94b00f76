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

/** Of strangers less: the relay can make as many up as it likes. */
const BOUNDS = {
  known: { count: 1_000, chars: 32_000_000 },
  stranger: { count: 200, chars: 4_000_000 },
};

export class WaitingRoom {
  #rooms = {
    known: /** @type {WaitingMessage[]} */ ([]),
    stranger: /** @type {WaitingMessage[]} */ ([]),
  };

  /** @returns {WaitingMessage[]} In the order in which they came, of each kind. */
  get all() {
    return [...this.#rooms.known, ...this.#rooms.stranger];
  }

  /**
   * @param {WaitingMessage} message
   * @returns {WaitingMessage[]} Those that had to go for it, the oldest.
   */
  put(message) {
    const kind = message.envelope ? "known" : "stranger";
    const room = this.#rooms[kind];
    const gone = [];
    room.push(message);
    let chars = room.reduce((sum, { relayed }) => sum + (relayed.encrypted?.length ?? 0), 0);
    while (room.length > BOUNDS[kind].count || (chars > BOUNDS[kind].chars && room.length > 1)) {
      const [first] = room.splice(0, 1);
      chars -= first.relayed.encrypted?.length ?? 0;
      gone.push(first);
    }
    return gone;
  }

  /** Take all of them. */
  empty() {
    const { all } = this;
    this.#rooms = { known: [], stranger: [] };
    return all;
  }
}
