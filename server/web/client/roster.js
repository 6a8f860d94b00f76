// @ts-check
/** The people of a session: who is there, whose card is right, who was put out. */

import { toBase64url } from "../protocol/bytes.js";
import { readCard } from "../protocol/card.js";
import { ForgedError } from "../protocol/primitives.js";

/**
 * A member as others see it.
 *
 * @typedef {object} Person
 * @property {string} id The relay's user id.
 * @property {import("../protocol/card.js").Card | null} card Null if it has shown none that is right.
 * @property {string | null} cardText The same, as it came.
 * @property {string | null} refusal What is wrong with the last card that the relay showed as its own.
 * @property {boolean} isPresent As the relay says.
 * @property {boolean} isRemoved By the creator.
 * @property {boolean} isSilent Present, but it gives no sign of life.
 * @property {boolean} isTyping
 * @property {boolean} isVerified Its safety number was compared.
 * @property {number} joinedMs
 * @property {number} heardMs When it last gave a sign of life; by our clock.
 */

export class Roster {
  #link;
  #ownId;
  /** @type {Map<string, Person>} */
  #people = new Map();

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {string} ownId
   */
  constructor(link, ownId) {
    this.#link = link;
    this.#ownId = ownId;
    this.creatorId = toBase64url(link.creator);
  }

  /** @returns {Person[]} All of whom anything is known, in the order in which they came. */
  get all() {
    return [...this.#people.values()];
  }

  /** @param {string} id */
  get(id) {
    return this.#people.get(id);
  }

  /**
   * Take the relay's list of who is there.
   *
   * @param {import("./relay.js").RelayMember[]} members
   * @param {number} nowMs
   * @returns {{arrived: Person[], refused: Person[]}} Who was not there before, and whose card was refused just now.
   */
  update(members, nowMs) {
    const present = new Set(members.map(({ userId }) => String(userId)));
    for (const person of this.all)
      if (!present.has(person.id)) this.#setPresent(person, false, nowMs);
    const arrived = [];
    const refused = [];
    for (const member of members) {
      const person = this.#person(String(member.userId), nowMs);
      if (!person.isPresent) arrived.push(person);
      this.#setPresent(person, true, nowMs);
      person.joinedMs = Number(member.joinedAt) || nowMs;
      if (this.#problemWith(person, member.publicKey, nowMs)) refused.push(person);
    }
    return { arrived, refused };
  }

  /**
   * Take the card of somebody who may have left.
   *
   * @param {string} text
   * @param {number} nowMs
   * @returns {Person}
   * @throws {Error} It is no card of this session.
   */
  addCard(text, nowMs) {
    const card = readCard(this.#link, text);
    const person = this.#person(card.id, nowMs);
    if (!person.card || card.madeMs > person.card.madeMs) {
      Object.assign(person, { card, cardText: text, refusal: null });
    }
    return person;
  }

  /** @param {string} id */
  setAbsent(id) {
    const person = this.#people.get(id);
    if (person) this.#setPresent(person, false, 0);
  }

  /**
   * @param {string} id
   * @param {number} nowMs
   */
  remove(id, nowMs) {
    this.#person(id, nowMs).isRemoved = true;
  }

  /**
   * Who shall be able to read what is sent to an audience: always also who sends it.
   *
   * @param {string | null} audience Somebody's id; null for everybody.
   * @returns {import("../protocol/card.js").Card[]}
   */
  recipients(audience) {
    return this.all.flatMap(({ id, card, isPresent, isRemoved }) => {
      const isWanted =
        id === this.#ownId || (!isRemoved && (audience ? id === audience : isPresent));
      return card && isWanted ? [card] : [];
    });
  }

  /** What is to be kept for after a reload. */
  export() {
    return this.all
      .filter(({ cardText }) => cardText)
      .map(({ cardText, isRemoved, isVerified }) => ({ cardText, isRemoved, isVerified }));
  }

  /**
   * @param {ReturnType<Roster["export"]>} kept
   * @param {number} nowMs
   */
  import(kept, nowMs) {
    for (const { cardText, isRemoved, isVerified } of kept) {
      if (cardText) Object.assign(this.addCard(cardText, nowMs), { isRemoved, isVerified });
    }
  }

  /**
   * @param {Person} person
   * @param {unknown} text
   * @param {number} nowMs
   * @returns {string | null} What is wrong with it, if that is new.
   */
  #problemWith(person, text, nowMs) {
    if (text === person.cardText) return null;
    try {
      if (readCard(this.#link, text).id !== person.id)
        throw new ForgedError("another member's card");
      this.addCard(String(text), nowMs);
      return null;
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      const isKnown = person.refusal === problem;
      person.refusal = problem;
      return isKnown ? null : problem;
    }
  }

  /**
   * @param {Person} person
   * @param {boolean} isPresent
   * @param {number} nowMs
   */
  #setPresent(person, isPresent, nowMs) {
    if (person.isPresent === isPresent) return;
    Object.assign(person, { isPresent, isSilent: false, isTyping: false });
    if (isPresent) person.heardMs = nowMs;
  }

  /**
   * @param {string} id
   * @param {number} nowMs
   * @returns {Person}
   */
  #person(id, nowMs) {
    const known = this.#people.get(id);
    if (known) return known;
    const person = {
      id,
      card: null,
      cardText: null,
      refusal: null,
      isPresent: false,
      isRemoved: false,
      isSilent: false,
      isTyping: false,
      isVerified: false,
      joinedMs: nowMs,
      heardMs: nowMs,
    };
    this.#people.set(id, person);
    return person;
  }
}
