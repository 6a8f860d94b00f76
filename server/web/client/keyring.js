// @ts-check
/** Keys that are lacking: asked for, and given to those who may have them. docs/PROTOCOL.md, sections 5 and 9. */

import {
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
const ANSWER_LIMIT_MS = 4_000;
const MAX_ASKED = 50;

/**
 * @typedef {import("./roster.js").Person} Person
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
  /** @type {Map<string, {senderId: string, asked: Set<string>, isLacking: boolean}>} By epoch id. */
  #wanted = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {import("./roster.js").Roster} roster
   * @param {import("./epochs.js").Epochs} epochs
   * @param {KeyringReports} reports
   */
  constructor(link, identity, roster, epochs, reports) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#epochs = epochs;
    this.#reports = reports;
  }

  /**
   * @param {string} senderId
   * @param {Uint8Array} epochId
   */
  want(senderId, epochId) {
    const id = toBase64url(epochId);
    if (!this.#wanted.has(id)) {
      this.#wanted.set(id, { senderId, asked: new Set(), isLacking: false });
    }
    this.#timer ??= setTimeout(() => this.#ask(), GATHER_MS);
  }

  /** Somebody has come who may have what is lacking. */
  retry() {
    if (this.#wanted.size > 0) this.#timer ??= setTimeout(() => this.#ask(), GATHER_MS);
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
   * @param {Uint8Array[]} entries
   * @throws {Error} One of them is no key, or not the one that it claims to be.
   */
  take(entries) {
    for (const entry of entries) {
      const [sender, audience, epochId, recipients, key, from, card] = unpack(entry, 7);
      const epoch = new Epoch(this.#link.sessionId, sender, audience, recipients, key);
      const id = toBase64url(epochId);
      if (toBase64url(epoch.epochId) !== id) throw new MalformedError("another key");
      if (!this.#wanted.delete(id)) continue;
      this.#roster.addCard(fromUtf8(card), Date.now());
      this.#epochs.add(epoch, fromU64(from));
    }
    if (entries.length > 0) this.#reports.learned();
    this.#ask();
  }

  /**
   * @param {Person} person
   * @param {import("./epochs.js").Known} known
   */
  #mayHave(person, { epoch, readers }) {
    if (readers.includes(person.id)) return true;
    return this.#link.sharesHistory && epoch.audience.length === 0;
  }

  /**
   * @param {Person} person
   * @param {import("./epochs.js").Known} known
   */
  #entry(person, { epoch, from, readers }) {
    const card = this.#roster.get(toBase64url(epoch.sender))?.cardText ?? "";
    const since = readers.includes(person.id) ? from : 0;
    return pack(
      epoch.sender,
      epoch.audience,
      epoch.epochId,
      epoch.recipients,
      epoch.key,
      u64(since),
      card,
    );
  }

  /** Ask the next one for each key: first its owner, then the others, one after the other. */
  #ask() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    /** @type {Map<Person, Uint8Array[]>} */
    const questions = new Map();
    const lacking = new Set();
    for (const [id, wanted] of this.#wanted) {
      const { senderId, asked, isLacking } = wanted;
      const person = this.#nextToAsk(senderId, asked);
      const question = person ? (questions.get(person) ?? []) : [];
      if (!person && !isLacking) lacking.add(id);
      wanted.isLacking = !person;
      if (!person || question.length >= MAX_ASKED) continue;
      asked.add(person.id);
      questions.set(person, [...question, fromBase64url(id)]);
    }
    if (lacking.size > 0) this.#reports.lacking(lacking);
    for (const [person, question] of questions) this.#reports.send(person, "keys-wanted", question);
    if (questions.size > 0) this.#timer = setTimeout(() => this.#ask(), ANSWER_LIMIT_MS);
  }

  /**
   * @param {string} senderId
   * @param {Set<string>} asked
   */
  #nextToAsk(senderId, asked) {
    const others = this.#roster.all.filter(
      ({ id, card, isPresent, isRemoved }) =>
        card && isPresent && !isRemoved && id !== this.#identity.id && !asked.has(id),
    );
    const owner = others.find(({ id }) => id === senderId);
    return owner ?? (this.#link.sharesHistory ? others[0] : undefined);
  }
}
