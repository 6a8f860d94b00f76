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
import { Wants } from "./wants.js";

const GATHER_MS = 200;
const MAX_ASKED = 50;

/**
 * How long things may take, in milliseconds.
 *
 * @typedef {{answer: number}} KeyPace
 */

/** @type {KeyPace} */
export const KEY_PACE = { answer: 4_000 };

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("./wants.js").Want} Want
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
  #wants = new Wants();
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
    const isStranger = !this.#roster.get(senderId)?.card;
    const gone = this.#wants.add(toBase64url(epochId), senderId, isStranger);
    if (gone) this.#reports.lacking(new Set([gone.id]));
    this.#askSoon();
  }

  /**
   * Ask again those who have just come, or everybody.
   *
   * @param {Person[] | "everybody"} people
   */
  retry(people) {
    const wants = this.#wants.all;
    for (const want of wants) {
      const again = people === "everybody" ? [...want.asked] : people.map(({ id }) => id);
      for (const id of again) want.asked.delete(id);
      if (want.awaited && again.includes(want.awaited)) want.awaited = null;
    }
    if (wants.length > 0) this.#askSoon();
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
      for (const want of this.#wants.all) if (want.awaited === person.id) want.awaited = null;
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
    if (this.#wants.of(id).length === 0) return;
    const senderId = toBase64url(sender);
    // Of what is missing only the sender itself may tell.
    const isOwner = senderId === person.id;
    const first = isOwner ? fromU64(from) : 0;
    if (card.length > 0) this.#roster.addCard(fromUtf8(card), Date.now(), senderId);
    this.#epochs.add(epoch, first);
    this.#wants.delete(id);
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

  /** Ask the next one for each key whose wait is over: first its owner, then the others, one by one. */
  #ask() {
    this.stop();
    const nowMs = performance.now();
    /** @type {Map<Person, Want[]>} */
    const questions = new Map();
    /** @type {Set<string>} */
    const lacking = new Set();
    const others = this.#others();
    for (const want of this.#wants.all) {
      if (want.awaited !== null && nowMs < want.dueMs) continue;
      const person = this.#nextToAsk(others, want);
      want.awaited = null;
      if (!person && !want.isLacking) lacking.add(want.id);
      want.isLacking = !person;
      if (person) this.#addQuestion(questions, person, want);
    }
    this.#tellLacking(lacking);
    for (const [person, wants] of questions) this.#send(person, wants, nowMs);
    this.#askInTime(nowMs);
  }

  /** @param {Set<string>} epochIds Of these one may be looked for as that of somebody else. */
  #tellLacking(epochIds) {
    const lacking = [...epochIds].filter((id) =>
      this.#wants.of(id).every(({ isLacking }) => isLacking),
    );
    if (lacking.length > 0) this.#reports.lacking(new Set(lacking));
  }

  /**
   * @param {Map<Person, Want[]>} questions
   * @param {Person} person
   * @param {Want} want
   */
  #addQuestion(questions, person, want) {
    const question = questions.get(person) ?? [];
    if (question.length < MAX_ASKED) questions.set(person, [...question, want]);
  }

  /**
   * @param {Person} person
   * @param {Want[]} wants
   * @param {number} nowMs
   */
  #send(person, wants, nowMs) {
    for (const want of wants) {
      want.asked.add(person.id);
      Object.assign(want, { awaited: person.id, dueMs: nowMs + this.#pace.answer });
    }
    const epochIds = wants.map(({ id }) => fromBase64url(id));
    this.#reports.send(person, "keys-wanted", epochIds);
  }

  /** @param {number} nowMs */
  #askInTime(nowMs) {
    const due = this.#wants.all.flatMap(({ awaited, dueMs }) => (awaited === null ? [] : [dueMs]));
    if (due.length === 0) return;
    const waitMs = due.reduce((one, other) => Math.min(one, other)) - nowMs;
    this.#timer = setTimeout(() => this.#ask(), waitMs);
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
   * @param {Want} want
   * @returns {Person | undefined}
   */
  #nextToAsk(others, { senderId, asked }) {
    const owner = asked.has(senderId) ? undefined : others.get(senderId);
    if (owner || !this.#link.sharesHistory) return owner;
    for (const [id, person] of others) if (!asked.has(id)) return person;
    return undefined;
  }
}
