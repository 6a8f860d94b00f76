// @ts-check
/** Who comes and goes, by the word of the relay and by signs of life. */

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("./heard.js").RelayMember} RelayMember
 *
 * @typedef {object} AttendanceReports
 * @property {(code: import("./entries.js").NoticeCode, memberId: string) => void} notice
 * @property {(code: "left" | "lost", memberId: string) => void} leaves Calls `left`, once what came before is looked at.
 * @property {() => void} people Something about them has changed.
 */

export class Attendance {
  #roster;
  #reports;
  #isFirst = true;

  /**
   * @param {import("./roster.js").Roster} roster
   * @param {AttendanceReports} reports
   */
  constructor(roster, reports) {
    this.#roster = roster;
    this.#reports = reports;
  }

  /**
   * Take the relay's list of who is there.
   *
   * The first one tells nothing of who has come just now; after a reload it tells who is there
   * now and was not known before.
   *
   * @param {RelayMember[]} members
   * @param {boolean} isRestored
   * @returns {Person[]} Who has come.
   */
  update(members, isRestored) {
    const { arrived, departed, refused } = this.#roster.update(members, Date.now());
    const isNews = (/** @type {Person} */ { id }) => isRestored && !this.#roster.wasKept(id);
    for (const person of this.#isFirst ? arrived.filter(isNews) : arrived) {
      this.#reports.notice("arrived", person.id);
    }
    this.#isFirst = false;
    for (const person of departed) this.#reports.leaves("left", person.id);
    for (const person of refused) this.#reports.notice("card-refused", person.id);
    this.#reports.people();
    return arrived;
  }

  /** @param {{userId: string, isLost: boolean}} told */
  departed({ userId, isLost }) {
    if (this.#roster.setAbsent(userId, isLost, Date.now()))
      this.#reports.leaves(isLost ? "lost" : "left", userId);
    this.#reports.people();
  }

  /**
   * The creator has put somebody out. The relay's word alone is no such thing.
   *
   * @param {string} memberId
   */
  removed(memberId) {
    if (this.#roster.get(memberId)?.isRemoved) return;
    this.#roster.remove(memberId, Date.now());
    this.#reports.notice("removed", memberId);
    this.#reports.people();
  }

  /** @param {{userId: string, isTyping: boolean}} told */
  typing({ userId, isTyping }) {
    const person = this.#roster.get(userId);
    if (!person?.card || person.isTyping === isTyping) return;
    person.isTyping = isTyping;
    this.#reports.people();
  }

  /** The connection is down: what was only passing is over. */
  down() {
    for (const person of this.#roster.all) person.isTyping = false;
    this.#reports.people();
  }

  /**
   * Somebody has given the sign of life that everybody must. Others the relay could let through for
   * its own ends.
   *
   * @param {Person} person
   */
  alive(person) {
    person.heardMs = Date.now();
    if (!person.isSilent) return;
    person.isSilent = false;
    this.#reports.notice("heard-again", person.id);
    this.#reports.people();
  }

  /**
   * Tell that somebody has gone, unless the creator has said why.
   *
   * @param {"left" | "lost"} code
   * @param {string} memberId
   */
  left(code, memberId) {
    if (!this.#roster.get(memberId)?.isRemoved) this.#reports.notice(code, memberId);
  }
}
