// @ts-check
/** A random group, as long as one stays: who is there, what is said, and what one can do in it. */

import { wellFormed } from "../../protocol/bytes.js";
import { makeEvidence } from "../../protocol/strangers/evidence.js";
import { groupNumber, pairNumber } from "../../protocol/strangers/safety.js";
import { Emitter } from "../emitter.js";
import { isText, MAX_TEXT_CHARS } from "../entries.js";
import { Stay } from "./stay.js";

const MAX_REASON_CHARS = 500;

/**
 * @typedef {import("../entries.js").Entry} Entry
 * @typedef {import("./people.js").Stranger} Stranger
 * @typedef {import("./told.js").ToldGroup} ToldGroup
 * @typedef {import("./told.js").ToldMessage} ToldMessage
 * @typedef {import("../../protocol/strangers/evidence.js").Evidence} Evidence
 * @typedef {"open" | "reconnecting" | "ended"} GroupState
 *
 * @typedef {object} GroupEvents
 * @property {{state: GroupState, reason: string | null}} state The reason of an end: `left`, `next`, `closed`, `lost`, `expired`, `removed`, `signed_out`, `token_expired`, `replaced`, or what the relay refused.
 * @property {Entry} entry A new one, or one that takes the place of that with its id.
 * @property {null} people
 * @property {{userId: string, isTyping: boolean}} typing
 * @property {{epoch: number}} epoch The members have changed, by the relay's word.
 *
 * @typedef {object} GroupParts
 * @property {import("./wire.js").Asker} wire
 * @property {import("../../protocol/identity.js").Identity} identity Made for this group.
 * @property {import("../../protocol/strangers/cards.js").StrangerCard} card One's own, as the relay got it.
 * @property {Partial<import("./pace.js").GroupPace>} [pace]
 * @property {(group: Group) => Promise<Group>} moveOn
 */

/** @extends {Emitter<GroupEvents>} */
export class Group extends Emitter {
  #parts;
  #stay;

  /**
   * @param {ToldGroup} told
   * @param {GroupParts} parts
   */
  constructor(told, parts) {
    super();
    this.#parts = parts;
    this.id = told.id;
    this.name = told.name;
    this.maxMembers = told.maxMembers;
    this.#stay = new Stay(told, parts, (event, said) => this.emit(event, said));
  }

  get state() {
    return this.#stay.state;
  }

  /** @returns {readonly Stranger[]} Who is there, oneself too, and who has gone. */
  get people() {
    return this.#stay.people.all;
  }

  get userId() {
    return this.#parts.card.userId;
  }

  get epoch() {
    return this.#stay.epochs.newest;
  }

  /**
   * Say something to all.
   *
   * @param {string} text
   * @returns {string} The message id.
   * @throws {RangeError} It is empty, or longer than `MAX_TEXT_CHARS`, or the group has ended.
   */
  send(text) {
    if (!isText(text)) throw new RangeError(`a text has 1 to ${MAX_TEXT_CHARS} characters`);
    if (this.state === "ended") throw new RangeError("the group has ended for us");
    return this.#stay.outbox.send(wellFormed(text));
  }

  /**
   * Try a message again that failed, under the same id.
   *
   * @param {import("../entries.js").MessageEntry} entry
   */
  retry({ id, content, status }) {
    if (status !== "failed" || content?.kind !== "text" || this.state === "ended") return;
    this.#stay.outbox.send(content.text, id);
  }

  /** @param {boolean} isTyping */
  async typing(isTyping) {
    const event = isTyping ? "typing_start" : "typing_stop";
    await this.#stay.ask(event, {}).catch(ignoreFailure);
  }

  /** Leave, for other people. The new group has nothing in common with this one. */
  next() {
    return this.#parts.moveOn(this);
  }

  /** Leave for good. */
  async leave() {
    if (this.state === "ended") return;
    await this.#stay.ask("leave_group", {}).catch(ignoreFailure);
    this.end("left");
  }

  /**
   * Hear nothing of somebody any more, be heard no more, and not meet again.
   *
   * @param {string} userId
   */
  async block(userId) {
    await this.#setBlocked("block_member", userId, true);
  }

  /** @param {string} userId */
  async unblock(userId) {
    await this.#setBlocked("unblock_member", userId, false);
  }

  /**
   * Report somebody to the operators, and block it.
   *
   * @param {string} userId
   * @param {string} reason
   * @param {Evidence | null} [evidence] Of `evidence`: what it reveals, the operators can read.
   */
  async report(userId, reason, evidence = null) {
    const said = { userId, reason: reason.slice(0, MAX_REASON_CHARS) };
    await this.#stay.ask("report_member", evidence ? { ...said, evidence } : said);
    this.#noteBlocked(userId, true);
  }

  /**
   * What proves that somebody said something: with it, these messages can be read by anybody.
   *
   * @param {string} userId
   * @param {readonly string[] | null} [entryIds] Which messages; null for all of that member.
   * @returns {Evidence | null} Of those that were said with the keys of the newest one, the newest that a report
   *   can hold; `leftOut` says how many others there were. Null if there is none.
   */
  evidence(userId, entryIds = null) {
    const messages = this.#stay.inbox.revealable(userId, entryIds);
    const card = messages.at(-1)?.card;
    if (!card) return null;
    const ofCard = messages.filter((one) => one.card.id === card.id);
    const evidence = makeEvidence(this.id, card, ofCard);
    evidence.leftOut += messages.length - ofCard.length;
    return evidence.messages.length > 0 ? evidence : null;
  }

  /**
   * Believe that somebody who shows other keys now is still the same one.
   *
   * @param {string} userId
   */
  trust(userId) {
    if (!this.#stay.people.trust(userId)) return;
    this.#stay.reconsider();
  }

  /**
   * Twelve groups of digits, which the other one must see as well.
   *
   * @param {string} userId
   */
  safetyNumber(userId) {
    const card = this.#stay.people.get(userId)?.card;
    return card ? pairNumber(this.#stay.place, this.#parts.card.memberId, card.memberId) : null;
  }

  /** Twelve groups of digits, which everybody sees who sees the same people. */
  groupNumber() {
    return groupNumber(this.#stay.epochs.members);
  }

  /**
   * @param {string} userId
   * @param {boolean} isVerified
   */
  setVerified(userId, isVerified) {
    const person = this.#stay.people.get(userId);
    if (person) person.isVerified = isVerified;
    this.#stay.peopleChanged();
  }

  /**
   * Take what the relay tells.
   *
   * @param {string} event
   * @param {unknown} data
   */
  hear(event, data) {
    this.#stay.hear(event, data);
  }

  /** The connection was lost. */
  down() {
    this.#stay.down();
  }

  /** It is there again: see whether we are still in, and get what was missed. */
  up() {
    return this.#stay.up();
  }

  /**
   * @param {string} reason
   */
  end(reason) {
    this.#stay.end(reason);
  }

  /**
   * @param {string} event
   * @param {string} userId
   * @param {boolean} isBlocked
   */
  async #setBlocked(event, userId, isBlocked) {
    await this.#stay.ask(event, { userId });
    this.#noteBlocked(userId, isBlocked);
  }

  /**
   * @param {string} userId
   * @param {boolean} isBlocked
   */
  #noteBlocked(userId, isBlocked) {
    const { people, keyring } = this.#stay;
    const person = people.get(userId);
    if (person) person.isBlocked = isBlocked;
    if (isBlocked) keyring.forget(userId);
    this.#stay.reconsider();
  }
}

/** What fails here does not matter then. */
function ignoreFailure() {}
