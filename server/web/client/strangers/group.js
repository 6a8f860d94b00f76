// @ts-check
/** A random group, as long as one stays: who is there, what is said, what the relay tries. */

import { MalformedError, wellFormed } from "../../protocol/bytes.js";
import { makeEvidence } from "../../protocol/strangers/evidence.js";
import { readWish } from "../../protocol/strangers/keys.js";
import { placeOf } from "../../protocol/strangers/place.js";
import { groupNumber, pairNumber } from "../../protocol/strangers/safety.js";
import { Emitter } from "../emitter.js";
import { isText, MAX_TEXT_CHARS } from "../entries.js";
import { Notices } from "../notices.js";
import { RelayError } from "../relay.js";
import { Epochs } from "./epochs.js";
import { StrangerInbox } from "./inbox.js";
import { StrangerKeyring } from "./keyring.js";
import { StrangerOutbox } from "./outbox.js";
import { GROUP_PACE } from "./pace.js";
import { entriesOf, People } from "./people.js";
import {
  epochOf,
  fieldsOf,
  groupIdOf,
  groupOf,
  historyOf,
  messageOf,
  personOf,
  typingOf,
} from "./told.js";

const HISTORY_LIMIT = 200;
const MAX_PAGES = 10;
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
 * @property {{state: GroupState, reason: string | null}} state The reason of an end: `left`, `next`, `closed`, `lost`, `expired`, `removed`, `replaced`, or what the relay refused.
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
  #pace;
  #place;
  #people;
  #epochs;
  #keyring;
  #inbox;
  #outbox;
  #notices;
  #tick;
  #seq;
  /** @type {ToldMessage[] | null} What is heard while the history is fetched; null else. */
  #early = null;
  #toldAhead = false;

  /** @type {GroupState} */
  state = "open";

  /**
   * @param {ToldGroup} told
   * @param {GroupParts} parts
   */
  constructor(told, parts) {
    super();
    this.#parts = parts;
    this.#pace = { ...GROUP_PACE, ...parts.pace };
    this.id = told.id;
    this.name = told.name;
    this.maxMembers = told.maxMembers;
    this.#seq = told.seq;
    this.#place = placeOf(told.id);
    this.#notices = new Notices((notice) => this.emit("entry", notice));
    this.#people = new People(parts.card);
    this.#epochs = new Epochs(this.#place);
    const shared = {
      place: this.#place,
      identity: parts.identity,
      people: this.#people,
      epochs: this.#epochs,
      pace: this.#pace,
    };
    this.#keyring = new StrangerKeyring(shared, {
      accepted: (person, note) => this.#heardOf(person, note),
      trouble: (code, person) => this.#notice(code, person.userId),
    });
    this.#inbox = new StrangerInbox(
      { ...shared, keyring: this.#keyring },
      {
        tell: (entry) => this.emit("entry", entry),
        trouble: (code, person, count = 1) => this.#notice(code, person.userId, count),
      },
    );
    this.#outbox = new StrangerOutbox({
      ...shared,
      groupId: told.id,
      wire: parts.wire,
      isHeld: () => this.#keyring.aheadSinceMs !== null || this.state !== "open",
      tell: (entry) => {
        this.#inbox.reserve(entry.id);
        this.emit("entry", entry);
      },
    });
    this.#follow(told);
    this.#tick = setInterval(() => this.#lookAround(), this.#pace.tick);
  }

  /** @returns {readonly Stranger[]} Who is there, oneself too, and who has gone. */
  get people() {
    return this.#people.all;
  }

  get userId() {
    return this.#parts.card.userId;
  }

  get epoch() {
    return this.#epochs.newest;
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
    return this.#outbox.send(wellFormed(text));
  }

  /**
   * Try a message again that failed, under the same id.
   *
   * @param {import("../entries.js").MessageEntry} entry
   */
  retry({ id, content, status }) {
    if (status !== "failed" || content?.kind !== "text" || this.state === "ended") return;
    this.#outbox.send(content.text, id);
  }

  /** @param {boolean} isTyping */
  async typing(isTyping) {
    const event = isTyping ? "typing_start" : "typing_stop";
    await this.#ask(event, {}).catch(ignoreFailure);
  }

  /** Leave, for other people. The new group has nothing in common with this one. */
  next() {
    return this.#parts.moveOn(this);
  }

  /** Leave for good. */
  async leave() {
    if (this.state === "ended") return;
    await this.#ask("leave_group", {}).catch(ignoreFailure);
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
    await this.#ask("report_member", evidence ? { ...said, evidence } : said);
    this.#noteBlocked(userId, true);
  }

  /**
   * What proves that somebody said something: with it, these messages can be read by anybody.
   *
   * @param {string} userId
   * @param {readonly string[] | null} [entryIds] Which messages; null for all of that member.
   * @returns {Evidence | null} Null if there is none.
   */
  evidence(userId, entryIds = null) {
    const card = this.#people.get(userId)?.card;
    const messages = this.#inbox.revealable(userId, entryIds);
    return card && messages.length > 0 ? makeEvidence(this.id, card, messages) : null;
  }

  /**
   * Believe that somebody who shows other keys now is still the same one.
   *
   * @param {string} userId
   */
  trust(userId) {
    if (!this.#people.trust(userId)) return;
    this.#inbox.retry(Date.now());
    this.#outbox.changed();
    this.#peopleChanged();
  }

  /**
   * Twelve groups of digits, which the other one must see as well.
   *
   * @param {string} userId
   */
  safetyNumber(userId) {
    const card = this.#people.get(userId)?.card;
    return card ? pairNumber(this.#place, this.#parts.card.memberId, card.memberId) : null;
  }

  /** Twelve groups of digits, which everybody sees who sees the same people. */
  groupNumber() {
    return groupNumber(this.#epochs.members);
  }

  /**
   * @param {string} userId
   * @param {boolean} isVerified
   */
  setVerified(userId, isVerified) {
    const person = this.#people.get(userId);
    if (person) person.isVerified = isVerified;
    this.#peopleChanged();
  }

  /**
   * Take what the relay tells.
   *
   * @param {string} event
   * @param {unknown} data
   */
  hear(event, data) {
    if (this.state === "ended") return;
    if (event === "joined_group") return this.#rejoined(groupOf(fieldsOf(data).group));
    const groupId = event === "new_message" ? fieldsOf(data).groupId : groupIdOf(data);
    if (groupId !== this.id) return;
    if (event === "key_rotation_needed") this.#follow(epochOf(data));
    else if (event === "new_message") this.#hearMessage(messageOf(data));
    else if (event === "user_joined") this.#arrived(personOf(data));
    else if (event === "user_left") this.#departed(personOf(data));
    else if (event === "user_typing") this.#heardTyping(typingOf(data));
    else if (event === "group_closed") this.end(personReason(data));
  }

  /** The connection was lost. */
  down() {
    if (this.state === "open") this.#setState("reconnecting");
  }

  /** It is there again: see whether we are still in, and get what was missed. */
  async up() {
    if (this.state !== "reconnecting") return;
    this.#early = [];
    try {
      const missed = await this.#missed();
      for (const one of missed) this.#takeMessage(one, true);
      for (const one of this.#early ?? []) this.#takeMessage(one, true);
      this.#setState("open");
      this.#keyring.askAgain();
      this.#outbox.changed();
      this.#outbox.run();
    } catch (error) {
      if (error instanceof RelayError && !error.isPassing) this.end("lost");
    } finally {
      this.#early = null;
    }
  }

  /**
   * @param {string} reason
   */
  end(reason) {
    if (this.state === "ended") return;
    clearInterval(this.#tick);
    this.#setState("ended", reason);
    this.#outbox.stop(reason);
  }

  /** @param {ToldGroup | null} told */
  #rejoined(told) {
    if (told?.id === this.id) this.#follow(told);
    else if (told) this.end("replaced");
  }

  /** @param {import("./told.js").ToldEpoch | null} told */
  #follow(told) {
    if (!told) return this.#notice("split", null);
    const seen = this.#people.read(told.members);
    if (!this.#people.isOurselves(seen)) return this.end("replaced");
    const verdict = this.#epochs.tell(told.epoch, entriesOf(seen), Date.now());
    if (verdict === "split") return this.#notice("split", null);
    for (const { userId } of this.#people.update(seen)) this.#notice("key-changed", userId);
    if (verdict === "new") this.#newEpoch(told.epoch);
    return this.#peopleChanged();
  }

  /** @param {number} epoch */
  #newEpoch(epoch) {
    const nowMs = Date.now();
    this.#keyring.retry(nowMs);
    this.#toldAhead &&= this.#keyring.aheadSinceMs !== null;
    this.#inbox.retry(nowMs);
    this.emit("epoch", { epoch });
    this.#outbox.changed();
    this.#outbox.run();
  }

  /** @param {ToldMessage | null} message */
  #hearMessage(message) {
    if (!message) return;
    if (this.#early) this.#early.push(message);
    else this.#takeMessage(message, false);
  }

  /**
   * @param {ToldMessage} message
   * @param {boolean} isHistory
   */
  #takeMessage(message, isHistory) {
    const nowMs = Date.now();
    if (isHistory && message.seq <= this.#seq) return;
    this.#seq = Math.max(this.#seq, message.seq);
    if (message.senderId === this.userId) return;
    if (message.isKeys) this.#takeKeys(message, nowMs);
    else this.#inbox.take(message, isHistory, nowMs);
  }

  /**
   * @param {ToldMessage} message
   * @param {number} nowMs
   */
  #takeKeys({ senderId, encrypted }, nowMs) {
    const person = this.#people.get(senderId);
    if (!person?.card || person.isBlocked) return;
    const wanted = readWish(this.#place, encrypted);
    if (wanted) return this.#outbox.answer(senderId, wanted, nowMs);
    try {
      this.#keyring.take(person, encrypted, nowMs);
    } catch (error) {
      // Another client's are nothing of ours; those of a new card wait until they are asked for.
      const isOurs = !(error instanceof MalformedError) && !person.isChanged;
      if (isOurs) this.#notice("forged", senderId);
    }
    return undefined;
  }

  /**
   * @param {Stranger} person
   * @param {import("../../protocol/strangers/keys.js").KeysNote} note
   */
  #heardOf(person, note) {
    const wasHeard = person.isHeard;
    person.isHeard = true;
    this.#inbox.anchor(person, note);
    this.#inbox.retry(Date.now());
    if (!wasHeard) this.#peopleChanged();
  }

  /** @param {import("./told.js").ToldPerson | null} told */
  #arrived(told) {
    if (told && told.userId !== this.userId) this.#notice("arrived", told.userId);
  }

  /** @param {import("./told.js").ToldPerson | null} told */
  #departed(told) {
    if (told?.userId === this.userId) this.end(told.reason || "left");
    else if (told) this.#notice(leavingOf(told.reason), told.userId);
  }

  /** @param {{userId: string, isTyping: boolean} | null} told */
  #heardTyping(told) {
    if (told && !this.#people.get(told.userId)?.isBlocked) this.emit("typing", told);
  }

  /** What is due by now. */
  #lookAround() {
    const nowMs = Date.now();
    if (this.state !== "open") return;
    const { wanted, lacking } = this.#keyring.due(nowMs);
    for (const { userId, chainId } of wanted) this.#outbox.wish(userId, chainId);
    this.#inbox.lack(lacking);
    if (this.#inbox.isImpatient(nowMs)) this.#inbox.retry(nowMs);
    const sinceMs = this.#keyring.aheadSinceMs;
    if (sinceMs === null || this.#toldAhead || nowMs - sinceMs < this.#pace.behind) return;
    this.#toldAhead = true;
    this.#notice("behind", this.userId);
  }

  /** All since the last that was heard, as far as the relay has it. */
  async #missed() {
    /** @type {ToldMessage[]} */
    let missed = [];
    for (let page = 0; page < MAX_PAGES; page++) {
      const before = missed[0]?.id;
      const { messages, hasMore } = historyOf(
        await this.#ask("get_group_messages", { limit: HISTORY_LIMIT, ...(before && { before }) }),
      );
      missed = [...messages.filter(({ seq }) => seq > this.#seq), ...missed];
      if (!hasMore || messages.length === 0 || messages[0].seq <= this.#seq) break;
    }
    return missed;
  }

  /**
   * @param {string} event
   * @param {string} userId
   * @param {boolean} isBlocked
   */
  async #setBlocked(event, userId, isBlocked) {
    await this.#ask(event, { userId });
    this.#noteBlocked(userId, isBlocked);
  }

  /**
   * @param {string} userId
   * @param {boolean} isBlocked
   */
  #noteBlocked(userId, isBlocked) {
    const person = this.#people.get(userId);
    if (person) person.isBlocked = isBlocked;
    this.#inbox.retry(Date.now());
    this.#outbox.changed();
    this.#peopleChanged();
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   */
  #ask(event, payload) {
    return this.#parts.wire.ask(event, { groupId: this.id, ...payload });
  }

  /**
   * @param {import("../entries.js").NoticeCode} code
   * @param {string | null} userId
   * @param {number} [count]
   */
  #notice(code, userId, count = 0) {
    this.#notices.add(code, userId, count, Date.now());
    if (code === "behind") this.#peopleChanged();
  }

  #peopleChanged() {
    this.emit("people", null);
  }

  /**
   * @param {GroupState} state
   * @param {string | null} reason
   */
  #setState(state, reason = null) {
    this.state = state;
    this.emit("state", { state, reason });
  }
}

/** @param {string} reason The relay's word. */
function leavingOf(reason) {
  return reason === "lost" || reason === "removed" ? reason : "left";
}

/** @param {unknown} data */
function personReason(data) {
  const { reason } = fieldsOf(data);
  return reason === "removed" ? "removed" : "expired";
}

/** What fails here does not matter then. */
function ignoreFailure() {}
