// @ts-check
/** The people of a session: who is there, whose card is right, who was put out. */

import { toBase64url } from "../protocol/bytes.js";
import { readCard } from "../protocol/card.js";

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
 * @property {number} awaitedMs Lost, it may come back until then, and is to read what it misses; 0 for nobody lost.
 * @property {number} heardMs When it last gave a sign of life; by our clock, later by what we could not have heard since.
 */

/** Whose connection was lost is restored with all that it has missed for so long, unless the relay says otherwise. */
const AWAITED_MS = 120_000;

export class Roster {
  #link;
  #ownId;
  /** @type {Map<string, Person>} */
  #people = new Map();
  /** @type {Set<string>} Who is there with a card that is right, as last told. */
  #attending = new Set();
  /** @type {Set<string>} Of whom we knew before a reload. */
  #kept = new Set();

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
   * Whether somebody was known before a reload.
   *
   * @param {string} id
   */
  wasKept(id) {
    return this.#kept.has(id);
  }

  /**
   * Take the relay's list of who is there.
   *
   * @param {import("./heard.js").RelayMember[]} members
   * @param {number} nowMs
   * @returns {{arrived: Person[], departed: Person[], refused: Person[]}}
   *   Who is there now with a card that is right, who no longer, and whose card was refused just now.
   */
  update(members, nowMs) {
    const present = new Map(members.map((member) => [member.userId, member]));
    for (const person of this.all) {
      if (!present.has(person.id)) this.#setPresent(person, false, nowMs);
    }
    const refused = [...present.values()].filter((member) => this.#isRefused(member, nowMs));
    this.#forgetStrangers();
    return { ...this.#attend(), refused: refused.flatMap(({ userId }) => this.get(userId) ?? []) };
  }

  /**
   * Take the card of somebody who may have left.
   *
   * @param {string} text
   * @param {number} nowMs
   * @param {string} [ownerId] Whose it must be.
   * @returns {Person}
   * @throws {Error} It is no card of this session.
   */
  addCard(text, nowMs, ownerId) {
    const card = readCard(this.#link, text, ownerId);
    const person = this.#person(card.id, nowMs);
    if (!person.card || card.madeMs > person.card.madeMs) {
      Object.assign(person, { card, cardText: text, refusal: null });
    }
    return person;
  }

  /**
   * @param {string} id
   * @param {boolean} isLost Its connection was, and it may come back.
   * @param {number} nowMs
   * @returns {boolean} Whether it was there, with a card that is right.
   */
  setAbsent(id, isLost, nowMs) {
    const person = this.#people.get(id);
    if (person?.isPresent && isLost) person.awaitedMs = nowMs + AWAITED_MS;
    if (person && !isLost) person.awaitedMs = 0;
    if (person) this.#setPresent(person, false, nowMs);
    return this.#attending.delete(id);
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
   * @param {number} nowMs
   * @returns {import("../protocol/card.js").Card[]}
   */
  recipients(audience, nowMs) {
    return this.all.flatMap(({ id, card, isPresent, isRemoved, awaitedMs }) => {
      const isThere = isPresent || nowMs < awaitedMs;
      const isWanted = id === this.#ownId || (!isRemoved && (audience ? id === audience : isThere));
      return card && isWanted ? [card] : [];
    });
  }

  /** What is to be kept for after a reload. */
  export() {
    return this.all
      .filter(({ cardText, isRemoved }) => cardText || isRemoved)
      .map(({ id, cardText, isRemoved, isVerified }) => ({ id, cardText, isRemoved, isVerified }));
  }

  /**
   * @param {ReturnType<Roster["export"]>} kept
   * @param {number} nowMs
   */
  import(kept, nowMs) {
    for (const { id, cardText, isRemoved, isVerified } of kept) {
      if (cardText) this.addCard(cardText, nowMs, id);
      Object.assign(this.#person(id, nowMs), { isRemoved, isVerified });
      this.#kept.add(id);
    }
  }

  /**
   * @param {import("./heard.js").RelayMember} member
   * @param {number} nowMs
   * @returns {boolean} Whether there is something wrong with its card that was not wrong before.
   */
  #isRefused({ userId, publicKey, joinedAt }, nowMs) {
    const person = this.#person(userId, nowMs);
    this.#setPresent(person, true, nowMs);
    person.joinedMs = joinedAt;
    const before = person.refusal;
    person.refusal = this.#problemWith(person, publicKey, nowMs);
    return person.refusal !== null && person.refusal !== before;
  }

  /**
   * @param {Person} person
   * @param {string | null} text
   * @param {number} nowMs
   * @returns {string | null} What is wrong with it.
   */
  #problemWith(person, text, nowMs) {
    if (text !== null && text === person.cardText) return null;
    if (text === null) return "no card";
    try {
      const madeMs = person.card?.madeMs ?? 0;
      const { cardText, id } = this.addCard(text, nowMs, person.id);
      // Our own may be on its way there.
      const isOld = cardText !== text && id !== this.#ownId;
      return isOld && readCard(this.#link, text).madeMs < madeMs ? "an older card" : null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Nobody can be made up by the thousand, to be remembered for ever. */
  #forgetStrangers() {
    for (const { id, card, isPresent, isRemoved } of this.all) {
      if (!card && !isPresent && !isRemoved) this.#people.delete(id);
    }
  }

  /** @returns {{arrived: Person[], departed: Person[]}} */
  #attend() {
    const before = this.#attending;
    const people = this.all.filter(({ id, card, isPresent }) => {
      return card && isPresent && id !== this.#ownId;
    });
    this.#attending = new Set(people.map(({ id }) => id));
    const departed = [...before].filter((id) => !this.#attending.has(id));
    return {
      arrived: people.filter(({ id }) => !before.has(id)),
      departed: departed.flatMap((id) => this.get(id) ?? []),
    };
  }

  /**
   * @param {Person} person
   * @param {boolean} isPresent
   * @param {number} nowMs
   */
  #setPresent(person, isPresent, nowMs) {
    if (person.isPresent === isPresent) return;
    Object.assign(person, { isPresent, isSilent: false, isTyping: false });
    if (isPresent) Object.assign(person, { heardMs: nowMs, awaitedMs: 0 });
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
      awaitedMs: 0,
      heardMs: nowMs,
    };
    this.#people.set(id, person);
    return person;
  }
}
