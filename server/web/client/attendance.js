// @ts-check
/** Who comes and goes, by the word of the relay and by signs of life. */

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("./relay.js").RelayMember} RelayMember
 *
 * @typedef {object} AttendanceReports
 * @property {(code: import("./entries.js").NoticeCode, memberId: string) => void} notice
 * @property {() => void} people Something about them has changed.
 */

export class Attendance {
  #roster;
  #reports;

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
   * @param {RelayMember[]} members
   * @param {boolean} isFirst It tells nothing of who has come just now.
   */
  update(members, isFirst) {
    const { arrived, refused } = this.#roster.update(members, Date.now());
    for (const person of isFirst ? [] : arrived) {
      if (person.card) this.#reports.notice("arrived", person.id);
    }
    for (const person of refused) this.#reports.notice("card-refused", person.id);
    this.#reports.people();
  }

  /** @param {{userId: string, reason: string}} told */
  departed({ userId, reason }) {
    this.#roster.setAbsent(userId);
    const code = reason === "removed" || reason === "lost" ? reason : "left";
    if (this.#roster.get(userId)?.card) this.#reports.notice(code, userId);
    this.#reports.people();
  }

  /** @param {{userId: string, isTyping: boolean}} told */
  typing({ userId, isTyping }) {
    const person = this.#roster.get(userId);
    if (!person?.card) return;
    person.isTyping = isTyping;
    this.#reports.people();
  }

  /** The connection is down: what was only passing is over. */
  down() {
    for (const person of this.#roster.all) person.isTyping = false;
    this.#reports.people();
  }

  /** @param {Person} person */
  alive(person) {
    person.heardMs = Date.now();
    if (!person.isSilent) return;
    person.isSilent = false;
    this.#reports.notice("heard-again", person.id);
    this.#reports.people();
  }
}
