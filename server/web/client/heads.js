// @ts-check
/** Signs of life: what each sender's newest message is, told and heard. docs/PROTOCOL.md, section 8. */

import { fromBase64url } from "../protocol/bytes.js";
import { NO_BYTES } from "../protocol/primitives.js";
import { makeHead } from "../protocol/signals.js";

/**
 * How long things may take, in milliseconds.
 *
 * @typedef {{head: number, grace: number, silent: number}} Pace
 */

/** @type {Pace} */
export const PACE = { head: 30_000, grace: 5_000, silent: 150_000 };

/**
 * @typedef {object} HeadReports
 * @property {(audience: string | null, encrypted: unknown) => void} send
 * @property {(code: import("./entries.js").NoticeCode, memberId: string, count?: number) => void} notice
 * @property {() => void} people Somebody has become silent.
 */

export class Heads {
  #link;
  #identity;
  #roster;
  #sender;
  #receiver;
  #numbers;
  #reports;
  #pace;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {Set<ReturnType<typeof setTimeout>>} */
  #graces = new Set();

  /**
   * @param {object} parts
   * @param {import("../protocol/link.js").Link} parts.link
   * @param {import("../protocol/identity.js").Identity} parts.identity
   * @param {import("./roster.js").Roster} parts.roster
   * @param {import("./sender.js").Sender} parts.sender
   * @param {import("./receiver.js").Receiver} parts.receiver
   * @param {import("./numbers.js").SignalNumbers} parts.numbers
   * @param {HeadReports} reports
   * @param {Pace} pace
   */
  constructor({ link, identity, roster, sender, receiver, numbers }, reports, pace) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#numbers = numbers;
    this.#reports = reports;
    this.#pace = pace;
  }

  /** Begin with a round at once: whoever is there learns that we are. */
  start() {
    this.stop();
    this.#timer = setInterval(() => this.#round(), this.#pace.head);
    this.#round();
  }

  stop() {
    clearInterval(this.#timer);
    for (const grace of this.#graces) clearTimeout(grace);
    this.#graces.clear();
  }

  /**
   * @param {import("./roster.js").Person} person
   * @param {import("../protocol/signals.js").HeadSignal} head
   */
  hear(person, { audience, number, hash }) {
    const chain = this.#receiver.chain(person.id, audience);
    const { isForked, gap } = chain.compare(number, hash);
    if (isForked) this.#reports.notice("forked", person.id);
    if (!gap) return;
    const grace = setTimeout(() => {
      this.#graces.delete(grace);
      const missing = chain.giveUp(number);
      if (missing) this.#reports.notice("missing", person.id, missing.last - missing.first + 1);
    }, this.#pace.grace);
    this.#graces.add(grace);
  }

  #round() {
    this.#tell(null);
    for (const partner of this.#sender.partners) {
      if (this.#roster.get(partner)?.isPresent) this.#tell(partner);
    }
    this.#watch(Date.now());
  }

  /** @param {string | null} audience */
  #tell(audience) {
    const audienceId = audience ? fromBase64url(audience) : NO_BYTES;
    const said = {
      audience: audienceId,
      signalNumber: this.#numbers.next(),
      ...this.#sender.end(audience),
    };
    this.#reports.send(audience, makeHead(this.#link, this.#identity, said));
  }

  /** @param {number} nowMs */
  #watch(nowMs) {
    for (const person of this.#roster.all) {
      const isOther = person.id !== this.#identity.id;
      const isWatched = isOther && person.isPresent && !person.isSilent && person.card;
      if (!isWatched || nowMs - person.heardMs < this.#pace.silent) continue;
      person.isSilent = true;
      this.#reports.notice("silent", person.id);
      this.#reports.people();
    }
  }
}
