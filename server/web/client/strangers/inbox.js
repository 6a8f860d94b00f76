// @ts-check
/** Messages of strangers as they come: checked, placed in their chain, opened, told. PROTOCOL.md, section 18. */

import { MalformedError, toBase64url } from "../../protocol/bytes.js";
import { Chain, NO_HASH } from "../../protocol/chain.js";
import { readStrangerMessage } from "../../protocol/strangers/messages.js";
import { readContent } from "../entries.js";

const MAX_WAITING = 500;
const MAX_REVEALABLE = 1_000;
const MAX_IDS = 20_000;
const NO_CARD_PATIENCE_MS = 15_000;

/**
 * @typedef {import("../entries.js").MessageEntry} MessageEntry
 * @typedef {import("../../protocol/strangers/messages.js").StrangerEnvelope} StrangerEnvelope
 * @typedef {import("./people.js").Stranger} Stranger
 * @typedef {import("./told.js").ToldMessage} ToldMessage
 * @typedef {{relayed: ToldMessage, entry: MessageEntry, envelope: StrangerEnvelope | null, sinceMs: number}} Waiting
 * @typedef {{id: string, senderId: string, encrypted: string, key: Uint8Array}} Revealable
 *
 * @typedef {object} InboxReports
 * @property {(entry: MessageEntry) => void} tell
 * @property {(code: "missing" | "forked" | "repeated" | "forged" | "behind", person: Stranger, count?: number) => void} trouble
 */

export class StrangerInbox {
  #place;
  #people;
  #epochs;
  #keyring;
  #pace;
  #reports;
  /** @type {Map<string, Chain>} By member id: all that somebody has said. */
  #chains = new Map();
  /** @type {WeakSet<Chain>} Of which keys have told where they are. */
  #anchored = new WeakSet();
  /** @type {Waiting[]} */
  #waiting = [];
  /** @type {Set<string>} Message ids that have come: what comes under one again is no such message. */
  #ids = new Set();
  /** @type {Map<string, Revealable>} By the entry's id: what a report can show. */
  #revealable = new Map();
  #strange = 0;

  /**
   * @param {{place: Uint8Array, people: import("./people.js").People, epochs: import("./epochs.js").Epochs, keyring: import("./keyring.js").StrangerKeyring, pace: import("./pace.js").GroupPace}} parts
   * @param {InboxReports} reports
   */
  constructor({ place, people, epochs, keyring, pace }, reports) {
    this.#place = place;
    this.#people = people;
    this.#epochs = epochs;
    this.#keyring = keyring;
    this.#pace = pace;
    this.#reports = reports;
  }

  /**
   * Take what the relay brings as a message of somebody else.
   *
   * @param {ToldMessage} relayed
   * @param {boolean} isHistory Whether it may have come before.
   * @param {number} nowMs
   */
  take(relayed, isHistory, nowMs) {
    const person = this.#people.get(relayed.senderId);
    if (person?.isBlocked) return;
    const entry = this.#entryOf(relayed);
    if (!person?.card)
      this.#takeUnknown(person, { relayed, entry, envelope: null, sinceMs: nowMs });
    else this.#takeOf(person, { relayed, entry, envelope: null, sinceMs: nowMs }, isHistory);
  }

  /**
   * A sender's keys tell where it is.
   *
   * @param {Stranger} person
   * @param {import("../../protocol/strangers/keys.js").KeysNote} note
   */
  anchor(person, { sender, first, previous }) {
    const chain = this.#chainOf(sender);
    const last = first - 1;
    const isFirst = !this.#anchored.has(chain);
    this.#anchored.add(chain);
    if (isFirst && chain.newest === 0) {
      if (last > 0) chain.take({ number: last, hash: previous, previous: NO_HASH }, 0);
      return;
    }
    const state = last > 0 ? chain.compare(last, previous) : "same";
    if (state === "forked") this.#reports.trouble("forked", person);
    // All that is behind came before these keys, on the same way.
    const missing = state === "behind" ? chain.giveUp(last) : 0;
    this.#missing(person, missing + chain.startAt(first));
  }

  /**
   * Look again at what waits, now that keys or cards have come.
   *
   * @param {number} nowMs
   */
  retry(nowMs) {
    for (const waiting of this.#waiting.splice(0)) {
      const person = this.#people.get(waiting.relayed.senderId);
      if (person?.isBlocked) continue;
      if (waiting.envelope && person) this.#open(person, waiting);
      else if (person?.card) this.#takeOf(person, waiting, true);
      else if (nowMs - waiting.sinceMs < NO_CARD_PATIENCE_MS) this.#waiting.push(waiting);
      else this.#become(waiting.entry, "unreadable", "no-card");
    }
  }

  /**
   * Whether something has waited long enough to be looked at again.
   *
   * @param {number} nowMs
   */
  isImpatient(nowMs) {
    return this.#waiting.some(
      ({ envelope, sinceMs }) => !envelope && nowMs - sinceMs >= NO_CARD_PATIENCE_MS,
    );
  }

  /**
   * Nobody gives these keys.
   *
   * @param {Set<string>} chainIds
   */
  lack(chainIds) {
    if (chainIds.size === 0) return;
    this.#waiting = this.#waiting.filter(({ entry, envelope }) => {
      const isLacking = envelope && chainIds.has(toBase64url(envelope.head.chainId));
      if (isLacking) this.#become(entry, "unreadable", "no-key");
      return !isLacking;
    });
  }

  /**
   * What a report can show of somebody's words.
   *
   * @param {string} userId
   * @param {readonly string[] | null} entryIds Null for all.
   */
  revealable(userId, entryIds) {
    const all = [...this.#revealable].filter(([, { senderId }]) => senderId === userId);
    const wanted = entryIds && new Set(entryIds);
    return all.filter(([id]) => !wanted || wanted.has(id)).map(([, one]) => one);
  }

  /**
   * @param {Stranger | null} person
   * @param {Waiting} waiting
   */
  #takeUnknown(person, waiting) {
    // Its keys are not ours to read: another client's, or none at all.
    if (person?.refusal) this.#become(waiting.entry, "unreadable", "no-card");
    else this.#wait(waiting);
  }

  /**
   * @param {Stranger} person
   * @param {Waiting} waiting
   * @param {boolean} isHistory
   */
  #takeOf(person, waiting, isHistory) {
    const { relayed, entry } = waiting;
    const card = person.card;
    if (!card) return;
    let envelope;
    try {
      if (relayed.to) throw new MalformedError("a message is for all");
      envelope = readStrangerMessage(this.#place, relayed, card);
    } catch {
      if (person.isChanged) this.#wait(waiting);
      else this.#become(entry, "refused", "forged");
      return;
    }
    const judged = this.#epochs.judge(envelope.head);
    if (judged === "before") return; // It was not for us.
    this.#placeInChain(person, { ...waiting, envelope }, isHistory);
  }

  /**
   * @param {Stranger} person
   * @param {Waiting & {envelope: StrangerEnvelope}} waiting
   * @param {boolean} isHistory
   */
  #placeInChain(person, waiting, isHistory) {
    const { envelope } = waiting;
    const { sender, number, previous } = envelope.head;
    const first = this.#keyring.chainOf(envelope)?.tag.first ?? 0;
    const taken = this.#chainOf(sender).take({ number, hash: envelope.hash, previous }, first);
    this.#missing(person, taken.missing);
    if (taken.place === "repeated") {
      if (!isHistory) this.#reports.trouble("repeated", person);
    } else if (taken.place === "forked") {
      this.#become(waiting.entry, "refused", "forked");
    } else {
      const { sentMs } = envelope.head;
      const entry = { ...waiting.entry, sentMs, isLate: taken.place === "late" };
      this.#open(person, { ...waiting, entry });
    }
  }

  /**
   * @param {Stranger} person
   * @param {Waiting} waiting
   */
  #open(person, waiting) {
    const { relayed, entry, envelope } = waiting;
    const chain = envelope && this.#keyring.chainOf(envelope);
    if (!envelope || chain === undefined) return this.#wait(waiting);
    if (!chain) return this.#become(entry, "unreadable", "not-for-us");
    const { head } = envelope;
    let opened;
    try {
      if (!envelope.isOf(chain)) throw new MalformedError("of another chain than it says");
      const key = chain.keyOf(head.number);
      opened = { said: envelope.open(key), key };
    } catch {
      return this.#become(entry, "refused", "forged");
    }
    chain.forget(head.number);
    const content = head.kind === "text" ? readContent(head.kind, opened.said) : null;
    if (!content) return this.#become(entry, "unreadable", "newer");
    this.#keep(entry.id, { ...relayed, encrypted: String(relayed.encrypted), key: opened.key });
    this.#noteBehind(person, head.epoch, waiting.sinceMs);
    return this.#reports.tell({ ...entry, status: "received", reason: null, content });
  }

  /**
   * @param {Stranger} person
   * @param {number} epoch
   * @param {number} atMs
   */
  #noteBehind(person, epoch, atMs) {
    const isBehind =
      epoch < this.#epochs.newest && atMs - this.#epochs.newestAtMs >= this.#pace.over;
    if (isBehind && !person.isBehind) this.#reports.trouble("behind", person);
    person.isBehind = isBehind;
  }

  /** @param {Waiting} waiting */
  #wait(waiting) {
    this.#waiting.push(waiting);
    const { entry, envelope, relayed, sinceMs } = waiting;
    if (entry.status !== "waiting") this.#become(entry, "waiting", null);
    waiting.entry = { ...entry, status: "waiting" };
    if (envelope) this.#keyring.want(relayed.senderId, envelope.head.chainId, sinceMs);
    if (this.#waiting.length <= MAX_WAITING) return;
    const given = this.#waiting.shift();
    if (given) this.#become(given.entry, "unreadable", "no-key");
  }

  /**
   * @param {MessageEntry} entry
   * @param {MessageEntry["status"]} status
   * @param {string | null} reason
   */
  #become(entry, status, reason) {
    this.#reports.tell({ ...entry, status, reason });
  }

  /**
   * @param {ToldMessage} relayed
   * @returns {MessageEntry}
   */
  #entryOf({ id, senderId, atMs }) {
    const isTaken = id === "" || this.#ids.has(id);
    if (isTaken) this.#strange += 1;
    else this.reserve(id);
    return {
      type: "message",
      // The blank keeps it apart from the ids of messages.
      id: isTaken ? `strange ${this.#strange}` : id,
      senderId,
      audience: null,
      sentMs: atMs,
      status: "received",
      reason: null,
      isLate: false,
      content: null,
    };
  }

  /**
   * No other message gets that id: also one's own have theirs.
   *
   * @param {string} id
   */
  reserve(id) {
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) this.#ids.delete(this.#ids.values().next().value ?? "");
  }

  /**
   * @param {string} id
   * @param {Revealable} one
   */
  #keep(id, { senderId, encrypted, key, id: messageId }) {
    this.#revealable.set(id, { id: messageId, senderId, encrypted, key });
    if (this.#revealable.size > MAX_REVEALABLE) {
      this.#revealable.delete(this.#revealable.keys().next().value ?? "");
    }
  }

  /** @param {Uint8Array} memberId */
  #chainOf(memberId) {
    const id = toBase64url(memberId);
    const chain = this.#chains.get(id) ?? new Chain();
    this.#chains.set(id, chain);
    return chain;
  }

  /**
   * @param {Stranger} person
   * @param {number} count
   */
  #missing(person, count) {
    if (count > 0) this.#reports.trouble("missing", person, count);
  }
}
