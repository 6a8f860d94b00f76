// @ts-check
/** Signals, there and back: sealed, numbered, checked, and handed to whom they concern. */

import { makeSignal, readSignal } from "../protocol/signals.js";
import { RelayError } from "./relay.js";

/** How often a signal is tried for which the relay has no time. */
const MAX_TRIES = 20;

/**
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("../protocol/signals.js").HeadSignal} HeadSignal
 *
 * @typedef {object} PostmanReports
 * @property {(code: "repeated" | "forged", memberId: string) => void} notice
 * @property {(person: Person, head: HeadSignal) => void} head
 * @property {Record<string, (person: Person, fields: Uint8Array[]) => unknown>} kinds What is done with each kind; they may raise.
 */

export class Postman {
  #link;
  #identity;
  #roster;
  #relay;
  #numbers;
  #reports;

  /**
   * @param {object} parts
   * @param {import("../protocol/link.js").Link} parts.link
   * @param {import("../protocol/identity.js").Identity} parts.identity
   * @param {import("./roster.js").Roster} parts.roster
   * @param {import("./relay.js").Relay} parts.relay
   * @param {import("./numbers.js").SignalNumbers} parts.numbers
   * @param {PostmanReports} reports
   */
  constructor({ link, identity, roster, relay, numbers }, reports) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#relay = relay;
    this.#numbers = numbers;
    this.#reports = reports;
  }

  /**
   * Tell somebody something that nobody else can read.
   *
   * @param {Person} person
   * @param {string} kind
   * @param {Uint8Array[]} fields
   */
  async send(person, kind, fields) {
    for (let tries = 0; person.card && tries < MAX_TRIES; tries++) {
      const said = { signalNumber: this.#numbers.next(), kind, fields };
      const signal = makeSignal(this.#link, this.#identity, person.card, said);
      const waitMs = await this.post(person.id, signal);
      if (!waitMs) return;
      await pause(waitMs);
    }
  }

  /**
   * @param {string | null} to
   * @param {unknown} encrypted
   * @returns {Promise<number>} After how many milliseconds the relay would take it; 0 if it has, or if there is no telling.
   */
  async post(to, encrypted) {
    try {
      await this.#relay.ask("send-signal", { to, encrypted });
      return 0;
    } catch (error) {
      // Nobody is there, or nobody to send it to: whoever needs a signal says it again.
      return error instanceof RelayError ? (error.retryAfterMs ?? 0) : 0;
    }
  }

  /** @param {import("./heard.js").RelaySignal} relayed */
  async take({ from, encrypted }) {
    const person = this.#roster.get(from);
    if (!person?.card || person.isRemoved) return;
    try {
      const read = readSignal(this.#link, this.#identity, person.card, encrypted);
      const isHead = "head" in read;
      const { signalNumber } = isHead ? read.head : read.signal;
      if (!this.#numbers.isNew(from, isHead ? "head" : "signal", signalNumber)) {
        return this.#reports.notice("repeated", from);
      }
      if (isHead) this.#reports.head(person, read.head);
      else await this.#obey(person, read.signal);
    } catch {
      this.#reports.notice("forged", from);
    }
  }

  /**
   * @param {Person} person
   * @param {import("../protocol/signals.js").PrivateSignal} signal
   */
  async #obey(person, { kind, fields }) {
    const { kinds } = this.#reports;
    if (Object.hasOwn(kinds, kind)) await kinds[kind](person, fields);
  }
}

/** @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
