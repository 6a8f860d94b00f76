// @ts-check
/** Who is typing. Whoever stops without a word is forgotten after a while. */

const LASTS_MS = 8_000;

export class Typists {
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #timers = new Map();
  /** Called when it is others who type. */
  changed = () => {};

  /** @returns {readonly string[]} Their user ids. */
  get ids() {
    return [...this.#timers.keys()];
  }

  /** @param {{userId: string, isTyping: boolean}} told */
  take({ userId, isTyping }) {
    const before = this.#timers.get(userId);
    if (before === undefined && !isTyping) return;
    clearTimeout(before);
    this.#timers.delete(userId);
    const forget = () => this.take({ userId, isTyping: false });
    if (isTyping) this.#timers.set(userId, setTimeout(forget, LASTS_MS));
    this.changed();
  }

  end() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
