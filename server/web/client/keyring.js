// @ts-check
/** Keys that are lacking: asked for, and given to those who may have them. docs/PROTOCOL.md, sections 5 and 9. */

import {
  equal,
  fromBase64url,
  fromU64,
  fromUtf8,
  MalformedError,
  pack,
  toBase64url,
  u64,
  unpack,
} from "../protocol/bytes.js";
import { Epoch } from "../protocol/epoch.js";

const GATHER_MS = 200;
const MAX_ASKED = 50;
const MAX_WANTED = 1_000;

/**
 * How long things may take, in milliseconds.
 *
 * @typedef {{answer: number}} KeyPace
 */

/** @type {KeyPace} */
export const KEY_PACE = { answer: 4_000 };

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {{senderId: string, asked: Set<string>, isLacking: boolean}} Wanted
 *
 * @typedef {object} KeyringReports
 * @property {(person: Person, kind: string, fields: Uint8Array[]) => void} send
 * @property {() => void} learned Keys or cards have come.
 * @property {(epochIds: Set<string>) => void} lacking Nobody who is there gives these.
 */

export class Keyring {
  #link;
  #identity;
  #roster;
  #epochs;
  #reports;
  #pace;
  /** @type {Map<string, Wanted>} By epoch id. */
  #wanted = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {import("./roster.js").Roster} roster
   * @param {import("./epochs.js").Epochs} epochs
   * @param {KeyringReports} reports
   * @param {KeyPace} pace
   */
  constructor(link, identity, roster, epochs, reports, pace) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#epochs = epochs;
    this.#reports = reports;
    this.#pace = pace;
  }

  /**
   * @param {string} senderId
   * @param {Uint8Array} epochId
   */
  want(senderId, epochId) {
    const id = toBase64url(epochId);
    const asked = this.#wanted.get(id)?.asked ?? new Set();
    this.#wanted.set(id, { senderId, asked, isLacking: false });
    if (this.#wanted.size > MAX_WANTED) this.#wanted.delete([...this.#wanted.keys()][0]);
    this.#askSoon();
  }

  /**
   * Ask again those who have just come, or everybody.
   *
   * @param {Person[] | "everybody"} people
   */
  retry(people) {
    for (const { asked } of this.#wanted.values()) {
      if (people === "everybody") asked.clear();
      else for (const { id } of people) asked.delete(id);
    }
    if (this.#wanted.size > 0) this.#askSoon();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Give somebody the keys that it may have.
   *
   * @param {Person} person
   * @param {Uint8Array[]} epochIds
   */
  answer(person, epochIds) {
    if (person.isRemoved || epochIds.length > MAX_ASKED) return;
    const given = epochIds.flatMap((epochId) => {
      const known = this.#epochs.get(epochId);
      return known && this.#mayHave(person, known) ? [this.#entry(person, known)] : [];
    });
    this.#reports.send(person, "keys", given);
  }

  /**
   * @param {Person} person Who gives them.
   * @param {Uint8Array[]} entries
   * @throws {Error} One of them is no key, or not the one that it claims to be.
   */
  take(person, entries) {
    try {
      for (const entry of entries) this.#takeOne(person, entry);
    } finally {
      if (entries.length > 0) this.#reports.learned();
      this.#ask();
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} entry
   */
  #takeOne(person, entry) {
    const [sender, audience, epochId, recipients, key, from, card] = unpack(entry, 7);
    const epoch = new Epoch(this.#link.sessionId, sender, audience, recipients, key);
    if (!equal(epoch.epochId, epochId)) throw new MalformedError("another key");
    const id = toBase64url(epochId);
    if (!this.#wanted.has(id)) return;
    const senderId = toBase64url(sender);
    // Of what is missing only the sender itself may tell.
    const isOwner = senderId === person.id;
    const first = isOwner ? fromU64(from) : 0;
    if (card.length > 0) this.#roster.addCard(fromUtf8(card), Date.now(), senderId);
    this.#epochs.add(epoch, first);
    this.#wanted.delete(id);
  }

  /**
   * @param {Person} person
   * @param {import("./epochs.js").Known} known
   */
  #mayHave(person, { epoch, readers }) {
    if (readers.has(person.id)) return true;
    return this.#link.sharesHistory && epoch.audience.length === 0;
  }

  /**
   * @param {Person} person
   * @param {import("./epochs.js").Known} known
   */
  #entry(person, { epoch, readers }) {
    const card = this.#roster.get(toBase64url(epoch.sender))?.cardText ?? "";
    return pack(
      epoch.sender,
      epoch.audience,
      epoch.epochId,
      epoch.recipients,
      epoch.key,
      u64(readers.get(person.id) ?? 0),
      card,
    );
  }

  #askSoon() {
    this.#timer ??= setTimeout(() => this.#ask(), GATHER_MS);
  }

  /** Ask the next one for each key: first its owner, then the others, one after the other. */
  #ask() {
    this.stop();
    /** @type {Map<Person, Uint8Array[]>} */
    const questions = new Map();
    const lacking = new Set();
    const others = this.#others();
    for (const [id, wanted] of this.#wanted) {
      const person = this.#nextToAsk(others, wanted);
      if (!person && !wanted.isLacking) lacking.add(id);
      wanted.isLacking = !person;
      if (person) this.#addQuestion(questions, person, id, wanted);
    }
    if (lacking.size > 0) this.#reports.lacking(lacking);
    for (const [person, question] of questions) this.#reports.send(person, "keys-wanted", question);
    if (questions.size > 0) this.#timer = setTimeout(() => this.#ask(), this.#pace.answer);
  }

  /**
   * @param {Map<Person, Uint8Array[]>} questions
   * @param {Person} person
   * @param {string} id
   * @param {Wanted} wanted
   */
  #addQuestion(questions, person, id, { asked }) {
    const question = questions.get(person) ?? [];
    if (question.length >= MAX_ASKED) return;
    asked.add(person.id);
    question.push(fromBase64url(id));
    questions.set(person, question);
  }

  /** @returns {Map<string, Person>} Who could answer. */
  #others() {
    const others = this.#roster.all.filter(
      ({ id, card, isPresent, isRemoved }) =>
        card && isPresent && !isRemoved && id !== this.#identity.id,
    );
    return new Map(others.map((person) => [person.id, person]));
  }

  /**
   * @param {Map<string, Person>} others
   * @param {Wanted} wanted
   * @returns {Person | undefined}
   */
  #nextToAsk(others, { senderId, asked }) {
    const owner = asked.has(senderId) ? undefined : others.get(senderId);
    if (owner || !this.#link.sharesHistory) return owner;
    for (const [id, person] of others) if (!asked.has(id)) return person;
    return undefined;
  }
}
