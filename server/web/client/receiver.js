// @ts-check
/** What comes in: each message is checked, placed in its chain, opened, and told of. */

import { fromBase64url, toBase64url } from "../protocol/bytes.js";
import { claimedEpochId, readEnvelope } from "../protocol/envelope.js";
import { unwrapKey } from "../protocol/epoch.js";
import { NO_BYTES } from "../protocol/primitives.js";
import { readContent } from "./entries.js";
import { WaitingRoom } from "./waiting.js";

/** The relay can make up as many as it likes: more are counted, but not shown one by one. */
const MAX_REFUSED = 500;
const MAX_STRANGERS = 10_000;
const MAX_TIME_MS = 8_640_000_000_000_000; // of a Date
const MESSAGE_ID = /^[A-Za-z0-9_-]{22}$/;

/**
 * @typedef {import("./heard.js").RelayMessage} RelayMessage
 * @typedef {import("./entries.js").MessageEntry} MessageEntry
 * @typedef {import("../protocol/envelope.js").Envelope} Envelope
 * @typedef {import("./waiting.js").WaitingMessage} WaitingMessage
 *
 * @typedef {object} Reports
 * @property {(entry: MessageEntry) => void} entry A message, or what has become of one.
 * @property {(code: import("./entries.js").NoticeCode, memberId: string | null, count?: number) => void} notice
 * @property {(senderId: string, epochId: Uint8Array) => void} wanted A key is lacking, or its owner's card.
 * @property {(memberId: string) => void} removed The creator has put somebody out.
 * @property {(to: string | null, audience: Uint8Array) => void} own An own message has come from the relay.
 */

export class Receiver {
  #link;
  #identity;
  #roster;
  #epochs;
  #chains;
  #reports;
  #waiting = new WaitingRoom();
  /** @type {Set<string>} Ids of entries: nobody may write over what somebody else has said. */
  #taken = new Set();
  /** @type {Set<string>} Own messages that came from the relay. */
  #own = new Set();
  #refused = 0;
  #strangers = 0;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {import("./roster.js").Roster} roster
   * @param {import("./epochs.js").Epochs} epochs
   * @param {import("./chains.js").Chains} chains
   * @param {Reports} reports
   */
  constructor(link, identity, roster, epochs, chains, reports) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#epochs = epochs;
    this.#chains = chains;
    this.#reports = reports;
  }

  /**
   * @param {RelayMessage} relayed
   * @param {boolean} isHistory The relay brings again what may have come before.
   * @param {boolean} isTrimmed The relay has said that it no longer has what came before these.
   * @param {string | null} [entryId] Of the entry that it has already.
   */
  take(relayed, isHistory, isTrimmed, entryId = null) {
    const person = this.#roster.get(relayed.from);
    if (!person?.card) return this.#takeOfStranger(relayed, isTrimmed);
    const envelope = this.#read(relayed, person.card);
    if (!envelope) return this.#refuse(relayed, "forged", entryId);
    // What has not come by then, somebody who was removed could make anew.
    if (
      person.isRemoved &&
      !this.#chains.has(relayed.from, envelope.head.audience, linkOf(envelope))
    ) {
      return this.#refuse(relayed, "removed-member", entryId);
    }
    if (this.#isBetweenOthers(relayed)) return this.#refuse(relayed, "not-for-us", entryId);
    this.#place(relayed, envelope, { isHistory, isTrimmed, entryId });
  }

  /**
   * Nobody who is there has these keys for us.
   *
   * @param {Set<string>} epochIds
   */
  lack(epochIds) {
    for (const message of this.#waiting.all) {
      const epochId = epochIdOf(message);
      if (epochId && epochIds.has(toBase64url(epochId))) this.#tellLacking(message);
    }
  }

  /** Look again at what waits for keys and cards, now that some have come. */
  retry() {
    const ready = this.#waiting.take((message) => this.#isReady(message));
    for (const { relayed, envelope, id, isLate, isTrimmed } of ready) {
      if (!envelope) this.take(relayed, true, isTrimmed, id);
      else this.#open(relayed, envelope, { id, isLate, isTrimmed });
    }
  }

  /** @param {WaitingMessage} message */
  #isReady({ relayed, envelope }) {
    if (!envelope) return Boolean(this.#roster.get(relayed.from)?.card);
    return Boolean(this.#epochs.get(envelope.head.epochId));
  }

  /**
   * Keep the id of an own entry for it alone.
   *
   * @param {string} id
   */
  reserve(id) {
    this.#taken.add(id);
  }

  /**
   * Whether an own message has come back from the relay.
   *
   * @param {string} messageId
   */
  hasOwn(messageId) {
    return this.#own.has(messageId);
  }

  /**
   * An own message that the relay has: it will not come from there.
   *
   * @param {import("./sender.js").Signed} signed
   */
  noteOwn({ audience, number, hash, previous }) {
    const link = { number, hash: fromBase64url(hash), previous: fromBase64url(previous) };
    const audienceId = audience ? fromBase64url(audience) : NO_BYTES;
    this.#chains.take(this.#identity.id, audienceId, link, { from: 0, isTrimmed: false });
  }

  /**
   * @param {RelayMessage} relayed
   * @param {import("../protocol/card.js").Card} card
   * @returns {Envelope | null} Null if it is not what it claims to be.
   */
  #read(relayed, card) {
    try {
      return readEnvelope(this.#link, relayed, card);
    } catch {
      return null;
    }
  }

  /** @param {RelayMessage} relayed */
  #isBetweenOthers({ from, to }) {
    return to !== null && to !== this.#identity.id && from !== this.#identity.id;
  }

  /**
   * @param {RelayMessage} relayed
   * @param {boolean} isTrimmed
   */
  #takeOfStranger(relayed, isTrimmed) {
    const isMessage = claimedEpochId(relayed.encrypted) !== null;
    if (!isMessage) return this.#refuse(relayed, "forged", null);
    this.#strangers += 1;
    if (this.#strangers > MAX_STRANGERS) {
      this.#chains.letGo(relayed.from);
      return this.#reports.notice("forged", null);
    }
    const id = this.#entryId(relayed.id);
    this.#wait({ relayed, envelope: null, id, isLate: false, isTrimmed });
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Envelope} envelope
   * @param {{isHistory: boolean, isTrimmed: boolean, entryId: string | null}} how
   */
  #place(relayed, envelope, { isHistory, isTrimmed, entryId }) {
    const { head } = envelope;
    const from = this.#learnKey(head);
    const place = this.#chains.take(relayed.from, head.audience, linkOf(envelope), {
      from: from ?? 0,
      isTrimmed,
    });
    if (place === "forked") return this.#refuse(relayed, "forked", entryId);
    const isOwn = relayed.from === this.#identity.id;
    if (isOwn) this.#noteArrived(relayed, head.audience);
    if (place === "repeated") return this.#noteRepeated(relayed, isHistory, entryId);
    if (from === null) return this.#refuse(relayed, "forged", entryId);
    // Own ids are ours alone: an own message takes the place of what it was while it was sent.
    const id = entryId ?? (isOwn ? relayed.id : this.#entryId(relayed.id));
    this.#open(relayed, envelope, { id, isLate: place === "late", isTrimmed });
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Uint8Array} audience
   */
  #noteArrived({ id, to }, audience) {
    this.#own.add(id);
    this.#reports.own(to, audience);
  }

  /**
   * @param {RelayMessage} relayed
   * @param {boolean} isHistory
   * @param {string | null} entryId
   */
  #noteRepeated(relayed, isHistory, entryId) {
    if (entryId) this.#refuse(relayed, "repeated", entryId);
    else if (!isHistory) this.#reports.notice("repeated", relayed.from);
  }

  /**
   * @param {import("../protocol/envelope.js").Head} head
   * @returns {number | null} The first number for us; 0 if it does not tell; null if its keys are no keys.
   */
  #learnKey(head) {
    if (head.keys.length === 0) return this.#epochs.get(head.epochId)?.from ?? 0;
    try {
      const mine = unwrapKey(this.#link, this.#identity, head);
      if (!mine) return 0;
      this.#epochs.add(mine.epoch, mine.from);
      return mine.from;
    } catch {
      return null;
    }
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Envelope} envelope
   * @param {{id: string, isLate: boolean, isTrimmed: boolean}} how
   */
  #open(relayed, envelope, { id, isLate, isTrimmed }) {
    const known = this.#epochs.get(envelope.head.epochId);
    if (!known) return this.#wait({ relayed, envelope, id, isLate, isTrimmed });
    this.#chains.startAt(relayed.from, envelope.head.audience, known.from);
    const entry = { ...blank(relayed, id, envelope), isLate };
    const opened = open(envelope, known.epoch);
    if (opened) this.#tell(entry, envelope.head.kind, opened.said);
    else this.#reports.entry({ ...entry, status: "refused", reason: "forged" });
  }

  /**
   * @param {MessageEntry} entry
   * @param {string} kind
   * @param {unknown} opened
   */
  #tell(entry, kind, opened) {
    const content = readContent(kind, opened);
    if (!content) return this.#reports.entry({ ...entry, status: "unreadable", reason: "newer" });
    if (content.kind === "remove" && !this.#mayRemove(entry, content.member)) {
      return this.#reports.entry({ ...entry, status: "refused", reason: "not-creator" });
    }
    const status = entry.senderId === this.#identity.id ? "sent" : "received";
    this.#reports.entry({ ...entry, status, content });
    if (content.kind === "remove") this.#reports.removed(content.member);
  }

  /**
   * @param {MessageEntry} entry
   * @param {string} memberId
   */
  #mayRemove({ senderId, audience }, memberId) {
    return senderId === this.#roster.creatorId && !audience && memberId !== senderId;
  }

  /** @param {WaitingMessage} message */
  #wait(message) {
    const { relayed, envelope, id, isLate } = message;
    this.#taken.add(id);
    for (const gone of this.#waiting.put(message)) {
      if (!gone.envelope) this.#chains.letGo(gone.relayed.from);
      this.#tellLacking(gone);
    }
    this.#reports.entry({ ...blank(relayed, id, envelope), status: "waiting", isLate });
    const epochId = epochIdOf(message);
    if (epochId) this.#reports.wanted(relayed.from, epochId);
  }

  /** @param {WaitingMessage} message */
  #tellLacking({ relayed, envelope, id, isLate }) {
    const entry = { ...blank(relayed, id, envelope), isLate };
    this.#reports.entry({ ...entry, status: "unreadable", reason: "no-key" });
  }

  /**
   * @param {RelayMessage} relayed
   * @param {string} reason
   * @param {string | null} entryId
   */
  #refuse(relayed, reason, entryId) {
    this.#refused += 1;
    if (!entryId && this.#refused > MAX_REFUSED) return this.#reports.notice("forged", null);
    const entry = blank(relayed, entryId ?? this.#entryId(relayed.id), null);
    this.#reports.entry({ ...entry, status: "refused", reason });
  }

  /**
   * An id for an entry: the message's, unless something has it already.
   *
   * @param {string} wanted
   */
  #entryId(wanted) {
    const base = MESSAGE_ID.test(wanted) ? wanted : "nameless";
    let id = base;
    // The blank keeps it apart from the ids of messages.
    for (let count = 2; this.#taken.has(id); count++) id = `${base} ${count}`;
    this.#taken.add(id);
    return id;
  }
}

/**
 * @param {Envelope} envelope
 * @returns {import("../protocol/chain.js").ChainLink}
 */
function linkOf({ head, hash }) {
  return { number: head.number, hash, previous: head.previous };
}

/** @param {WaitingMessage} message */
function epochIdOf({ relayed, envelope }) {
  return envelope?.head.epochId ?? claimedEpochId(relayed.encrypted);
}

/**
 * @param {Envelope} envelope
 * @param {import("../protocol/epoch.js").Epoch} epoch
 * @returns {{said: unknown} | null} Null if it does not open.
 */
function open(envelope, epoch) {
  try {
    return { said: envelope.open(epoch) };
  } catch {
    return null;
  }
}

/**
 * @param {RelayMessage} relayed
 * @param {string} id Of the entry.
 * @param {Envelope | null} envelope If it is known to be the sender's.
 * @returns {MessageEntry}
 */
function blank(relayed, id, envelope) {
  return {
    type: "message",
    id,
    senderId: relayed.from,
    audience: relayed.to,
    sentMs: Math.min(envelope?.head.sentMs ?? relayed.timestamp, MAX_TIME_MS),
    status: "waiting",
    reason: null,
    isLate: false,
    content: null,
  };
}
