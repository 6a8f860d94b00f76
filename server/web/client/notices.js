// @ts-check
/** Notices, numbered. Trouble that goes on and on is told of in one that counts. */

const MERGE_MS = 60_000;
const MAX_TROUBLES = 200;
const MAX_PASSING = 100;

/** What a relay can cause as often as it likes. */
const TROUBLES = new Set(["repeated", "forked", "forged", "card-refused", "split", "behind"]);
const PASSING = new Set(["arrived", "left", "lost", "heard-again"]);

/**
 * @typedef {import("./entries.js").NoticeEntry} NoticeEntry
 * @typedef {import("./entries.js").NoticeCode} NoticeCode
 */

export class Notices {
  #tell;
  #count = 0;
  /** @type {Map<string, NoticeEntry>} Of the last minute, by code and member. */
  #troubles = new Map();
  #passing = { sinceMs: 0, count: 0 };

  /** @param {(notice: NoticeEntry) => void} tell */
  constructor(tell) {
    this.#tell = tell;
  }

  /**
   * @param {NoticeCode} code
   * @param {string | null} memberId
   * @param {number} count
   * @param {number} nowMs
   */
  add(code, memberId, count, nowMs) {
    if (PASSING.has(code) && this.#isTooMuch(nowMs)) return;
    if (TROUBLES.has(code)) return this.#addTrouble(code, memberId, Math.max(1, count), nowMs);
    this.#tell(this.#make(code, memberId, count, nowMs));
  }

  /**
   * @param {NoticeCode} code
   * @param {string | null} memberId
   * @param {number} count
   * @param {number} nowMs
   */
  #addTrouble(code, memberId, count, nowMs) {
    const place = this.#placeOf(code, memberId, nowMs);
    const before = this.#troubles.get(place);
    const notice =
      before && nowMs - before.atMs < MERGE_MS
        ? { ...before, count: before.count + count }
        : this.#make(code, place.endsWith(" ") ? null : memberId, count, nowMs);
    this.#troubles.set(place, notice);
    this.#tell(notice);
  }

  /**
   * Where trouble is counted: with who makes it, unless that are too many.
   *
   * @param {NoticeCode} code
   * @param {string | null} memberId
   * @param {number} nowMs
   */
  #placeOf(code, memberId, nowMs) {
    const place = `${code} ${memberId ?? ""}`;
    if (this.#troubles.has(place) || this.#troubles.size < MAX_TROUBLES) return place;
    for (const [old, { atMs }] of this.#troubles) {
      if (nowMs - atMs >= MERGE_MS) this.#troubles.delete(old);
    }
    return this.#troubles.size < MAX_TROUBLES ? place : `${code} `;
  }

  /**
   * @param {NoticeCode} code
   * @param {string | null} memberId
   * @param {number} count
   * @param {number} nowMs
   * @returns {NoticeEntry}
   */
  #make(code, memberId, count, nowMs) {
    this.#count += 1;
    // The blank keeps it apart from the ids of messages.
    return { type: "notice", id: `notice ${this.#count}`, code, memberId, count, atMs: nowMs };
  }

  /**
   * Somebody who comes and goes all the time is seen among the people.
   *
   * @param {number} nowMs
   */
  #isTooMuch(nowMs) {
    if (nowMs - this.#passing.sinceMs >= MERGE_MS) this.#passing = { sinceMs: nowMs, count: 0 };
    this.#passing.count += 1;
    return this.#passing.count > MAX_PASSING;
  }
}
