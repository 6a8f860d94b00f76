// @ts-check
/** How a group follows the relay's lists of who is there. docs/PROTOCOL.md, sections 15 and 16. */

import { entriesOf } from "./people.js";

/**
 * @typedef {import("../entries.js").NoticeCode} NoticeCode
 *
 * @typedef {object} RollReports
 * @property {(code: NoticeCode, userId: string | null) => void} notice
 * @property {() => void} replaced Our place belongs to other keys.
 * @property {(isNew: boolean) => void} followed A list was accepted.
 */

export class Roll {
  #people;
  #epochs;
  #reports;
  /** @type {Map<string, string>} Why people leave who are still in the list, by the relay's word. */
  #reasons = new Map();

  /**
   * @param {{people: import("./people.js").People, epochs: import("./epochs.js").Epochs}} parts
   * @param {RollReports} reports
   */
  constructor({ people, epochs }, reports) {
    this.#people = people;
    this.#epochs = epochs;
    this.#reports = reports;
  }

  /** @param {import("./told.js").ToldEpoch | null} told Null if it was nonsense. */
  follow(told) {
    if (!told) return this.#reports.notice("split", null);
    const seen = this.#people.read(told.members);
    if (!this.#people.isOurselves(seen)) return this.#reports.replaced();
    const isFirst = this.#people.all.length === 0;
    const verdict = this.#epochs.tell(told.epoch, entriesOf(seen), Date.now());
    if (verdict === "split" || verdict === "skipped") this.#reports.notice("split", null);
    if (verdict === "split") return undefined;
    const turnover = this.#people.update(seen);
    if (!isFirst) this.#tell(turnover);
    return this.#reports.followed(verdict !== "same");
  }

  /**
   * Why somebody is about to be missing in the list. Nobody has left by that alone.
   *
   * @param {import("./told.js").ToldPerson} told
   */
  noteReason({ userId, reason }) {
    if (this.#people.get(userId)?.isPresent) this.#reasons.set(userId, reason);
  }

  /**
   * Of the difference of two lists: nobody gets keys, or loses them, without a word.
   *
   * @param {import("./people.js").Turnover} turnover
   */
  #tell({ changed, arrived, left }) {
    for (const userId of arrived) this.#reports.notice("arrived", userId);
    for (const userId of left) {
      this.#reports.notice(leavingOf(this.#reasons.get(userId)), userId);
      this.#reasons.delete(userId);
    }
    for (const userId of changed) this.#reports.notice("key-changed", userId);
  }
}

/** @param {string | undefined} reason The relay's word. */
function leavingOf(reason) {
  return reason === "lost" || reason === "removed" ? reason : "left";
}
