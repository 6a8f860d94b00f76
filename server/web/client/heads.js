// @ts-check
/** Signs of life: what each sender's newest message is, told and heard. docs/PROTOCOL.md, section 8. */

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
 * What a sender has told of and what has not come, for a while.
 *
 * @typedef {object} Claim
 * @property {string} place
 * @property {string} senderId
 * @property {Uint8Array} audience
 * @property {number} number
 * @property {number} newest Of which it told meanwhile.
 * @property {ReturnType<typeof setTimeout> | undefined} grace
 *
 * @typedef {object} HeadReports
 * @property {(encrypted: unknown) => void} send To everybody.
 * @property {(code: import("./entries.js").NoticeCode, memberId: string, count?: number) => void} notice
 * @property {() => void} people Somebody has become silent.
 */

export class Heads {
  #link;
  #identity;
  #roster;
  #sender;
  #chains;
  #numbers;
  #reports;
  #pace;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** Until when it was watched who is silent; while we are offline or asleep, nobody can be. */
  #watchedMs = 0;
  /** @type {Map<string, Claim>} By chain: what others said that they had sent, and we lack. */
  #claims = new Map();

  /**
   * @param {object} parts
   * @param {import("../protocol/link.js").Link} parts.link
   * @param {import("../protocol/identity.js").Identity} parts.identity
   * @param {import("./roster.js").Roster} parts.roster
   * @param {import("./sender.js").Sender} parts.sender
   * @param {import("./chains.js").Chains} parts.chains
   * @param {import("./numbers.js").SignalNumbers} parts.numbers
   * @param {HeadReports} reports
   * @param {Pace} pace
   */
  constructor({ link, identity, roster, sender, chains, numbers }, reports, pace) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#sender = sender;
    this.#chains = chains;
    this.#numbers = numbers;
    this.#reports = reports;
    this.#pace = pace;
  }

  /** Begin, having caught up, with a round at once: whoever is there learns that we are. */
  start() {
    this.stop();
    this.#excuse(Date.now(), 0);
    for (const claim of this.#claims.values()) this.#await(claim);
    this.#timer = setInterval(() => this.#round(), this.#pace.head);
    this.#round();
  }

  /** The claims stay: else a relay that often breaks the connection could withhold what it likes. */
  stop() {
    if (this.#timer !== undefined) this.#watch(Date.now());
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const { grace } of this.#claims.values()) clearTimeout(grace);
  }

  /**
   * @param {import("./roster.js").Person} person
   * @param {import("../protocol/signals.js").HeadSignal} head
   */
  hear({ id }, { number, hash, alone }) {
    this.#compare(id, NO_BYTES, { number, hash });
    if (alone) this.#compare(id, this.#identity.memberId, alone);
  }

  /**
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {import("../protocol/signals.js").End} end As the sender says.
   */
  #compare(senderId, audience, { number, hash }) {
    const state = this.#chains.compare(senderId, audience, number, hash);
    if (state === "forked") this.#reports.notice("forked", senderId);
    if (state !== "behind") return;
    const place = `${senderId} ${audience.length}`;
    const known = this.#claims.get(place);
    if (known) {
      known.newest = Math.max(known.newest, number);
    } else {
      const claim = { place, senderId, audience, number, newest: number, grace: undefined };
      this.#claims.set(place, claim);
      this.#await(claim);
    }
  }

  /** @param {Claim} claim */
  #await(claim) {
    claim.grace = setTimeout(() => {
      this.#chains.giveUp(claim.senderId, claim.audience, claim.number);
      if (claim.newest === claim.number) return this.#claims.delete(claim.place);
      claim.number = claim.newest;
      return this.#await(claim);
    }, this.#pace.grace);
  }

  #round() {
    const alone = this.#sender.partners.flatMap((partner) => {
      const card = this.#roster.get(partner)?.card;
      return card ? [{ card, ...this.#sender.end(partner) }] : [];
    });
    const said = { signalNumber: this.#numbers.next(), ...this.#sender.end(null), alone };
    this.#reports.send(makeHead(this.#link, this.#identity, said));
    this.#watch(Date.now());
  }

  /** @param {number} nowMs */
  #watch(nowMs) {
    // Rounds come in time, but of a machine that was asleep.
    this.#excuse(nowMs, 2 * this.#pace.head);
    for (const person of this.#roster.all) {
      const isOther = person.id !== this.#identity.id;
      const isWatched = isOther && person.isPresent && !person.isSilent && person.card;
      if (!isWatched || nowMs - person.heardMs < this.#pace.silent) continue;
      person.isSilent = true;
      this.#reports.notice("silent", person.id);
      this.#reports.people();
    }
  }

  /**
   * Hold against nobody the time in which we could not have heard.
   *
   * @param {number} nowMs
   * @param {number} countedMs How much of the time since the last watch does count.
   */
  #excuse(nowMs, countedMs) {
    const lostMs = nowMs - this.#watchedMs - countedMs;
    this.#watchedMs = nowMs;
    if (lostMs <= 0) return;
    for (const person of this.#roster.all) {
      person.heardMs = Math.min(nowMs, person.heardMs + lostMs);
    }
  }
}
