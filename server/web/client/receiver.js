// @ts-check
/** What comes in: each message is checked, placed in its chain, opened, and told of. */

import { fromBase64url, toBase64url } from "../protocol/bytes.js";
import { Chain } from "../protocol/chain.js";
import { claimedEpochId, readEnvelope } from "../protocol/envelope.js";
import { unwrapKey } from "../protocol/epoch.js";
import { NO_BYTES } from "../protocol/primitives.js";
import { readContent } from "./entries.js";

const MAX_WAITING = 1_000;

/**
 * @typedef {import("./relay.js").RelayMessage} RelayMessage
 * @typedef {import("./entries.js").MessageEntry} MessageEntry
 * @typedef {import("../protocol/envelope.js").Envelope} Envelope
 *
 * @typedef {object} Reports
 * @property {(entry: MessageEntry) => void} entry A message, or what has become of one.
 * @property {(code: import("./entries.js").NoticeCode, memberId: string, count?: number) => void} notice
 * @property {(senderId: string, epochId: Uint8Array) => void} wanted A key is lacking, or its owner's card.
 * @property {(memberId: string) => void} removed The creator has put somebody out.
 */

export class Receiver {
  #link;
  #identity;
  #roster;
  #epochs;
  #reports;
  /** @type {Map<string, Chain>} By sender and audience. */
  #chains = new Map();
  /** @type {Map<string, number>} The last number that counts of chains of removed members. */
  #limits = new Map();
  /** @type {Map<string, number>} How far chains had come before a reload. */
  #before = new Map();
  /** @type {Map<string, {relayed: RelayMessage, envelope: Envelope | null, isLate: boolean}>} */
  #waiting = new Map();

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {import("./roster.js").Roster} roster
   * @param {import("./epochs.js").Epochs} epochs
   * @param {Reports} reports
   */
  constructor(link, identity, roster, epochs, reports) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#epochs = epochs;
    this.#reports = reports;
  }

  /**
   * @param {RelayMessage} relayed
   * @param {boolean} isHistory The relay brings again what may have come before.
   * @param {boolean} isTrimmed The relay has said that it no longer has what came before these.
   */
  take(relayed, isHistory, isTrimmed) {
    const person = this.#roster.get(relayed.from);
    if (!person?.card) return this.#wait(relayed, null, false);
    try {
      const envelope = readEnvelope(this.#link, relayed, person.card);
      if (person.isRemoved && !this.#isFromBefore(relayed.from, envelope)) {
        return this.#refuse(relayed, "removed-member");
      }
      const from = this.#learnKey(envelope);
      this.#place(relayed, envelope, from, isHistory, isTrimmed);
    } catch {
      this.#refuse(relayed, "forged");
    }
  }

  /**
   * The chain of a sender to an audience, as far as it has come here.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   */
  chain(senderId, audience) {
    const id = chainId(senderId, audience);
    const chain = this.#chains.get(id) ?? new Chain();
    this.#chains.set(id, chain);
    return chain;
  }

  /**
   * Nobody who is there has these keys for us.
   *
   * @param {Set<string>} epochIds
   */
  lack(epochIds) {
    for (const { relayed, envelope } of this.#waiting.values()) {
      const epochId = envelope?.head.epochId ?? claimedEpochId(relayed.encrypted);
      if (!epochId || !epochIds.has(toBase64url(epochId))) continue;
      const sentMs = envelope?.head.sentMs ?? relayed.timestamp;
      this.#reports.entry({ ...blank(relayed), sentMs, status: "unreadable", reason: "no-key" });
    }
  }

  /** Look again at what waits for keys and cards, now that some have come. */
  retry() {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { relayed, envelope, isLate } of waiting) {
      if (envelope) this.#open(relayed, envelope, isLate);
      else this.take(relayed, true, false);
    }
  }

  /**
   * An own message that the relay has: it will not come from there.
   *
   * @param {import("./sender.js").Signed} signed
   */
  noteOwn({ audience, number, hash, previous }) {
    const link = { number, hash: fromBase64url(hash), previous: fromBase64url(previous) };
    const audienceId = audience ? fromBase64url(audience) : NO_BYTES;
    this.chain(this.#identity.id, audienceId).take(link, 0);
  }

  /**
   * Believe nothing more of somebody than what has come until now.
   *
   * @param {string} senderId
   */
  close(senderId) {
    for (const [id, { newest }] of this.#chains) {
      if (isChainOf(id, senderId)) this.#limits.set(id, newest);
    }
  }

  /** How far each chain has come, for after a reload. */
  export() {
    const newest = [...this.#chains].map(
      ([id, chain]) => /** @type {const} */ ([id, chain.newest]),
    );
    return { newest, limits: [...this.#limits] };
  }

  /** @param {ReturnType<Receiver["export"]>} kept */
  import({ newest, limits }) {
    this.#before = new Map(newest);
    this.#limits = new Map(limits);
  }

  /**
   * Compare with how far the chains had come before a reload, once the history is there.
   *
   * @returns {{memberId: string, count: number}[]} Of whom something has vanished.
   */
  vanished() {
    return [...this.#before].flatMap(([id, newest]) => {
      const count = newest - (this.#chains.get(id)?.newest ?? 0);
      return count > 0 ? [{ memberId: id.slice(0, id.indexOf(" ")), count }] : [];
    });
  }

  /**
   * @param {string} senderId
   * @param {Envelope} envelope
   */
  #isFromBefore(senderId, { head }) {
    return head.number <= (this.#limits.get(chainId(senderId, head.audience)) ?? 0);
  }

  /**
   * @param {Envelope} envelope
   * @returns {number} The first number for us; 0 if it does not tell.
   */
  #learnKey({ head }) {
    if (head.keys.length === 0) return this.#epochs.get(head.epochId)?.from ?? 0;
    const mine = unwrapKey(this.#link, this.#identity, head);
    if (!mine) return 0;
    this.#epochs.add(mine.epoch, mine.from);
    return mine.from;
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Envelope} envelope
   * @param {number} from
   * @param {boolean} isHistory
   * @param {boolean} isTrimmed
   */
  #place(relayed, envelope, from, isHistory, isTrimmed) {
    const { head } = envelope;
    const chain = this.chain(relayed.from, head.audience);
    const { place, gap } = chain.take({ ...head, hash: envelope.hash }, from);
    if (gap) {
      this.#reports.notice(
        isTrimmed ? "trimmed" : "missing",
        relayed.from,
        gap.last - gap.first + 1,
      );
    }
    if (place === "forked") return this.#refuse(relayed, "forked");
    if (place === "repeated") {
      if (!isHistory) this.#reports.notice("repeated", relayed.from);
      return;
    }
    this.#open(relayed, envelope, place === "late");
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Envelope} envelope
   * @param {boolean} isLate
   */
  #open(relayed, envelope, isLate) {
    const { head } = envelope;
    const known = this.#epochs.get(head.epochId);
    if (!known) return this.#wait(relayed, envelope, isLate);
    const status = relayed.from === this.#identity.id ? "sent" : "received";
    const entry = { ...blank(relayed), sentMs: head.sentMs, isLate };
    try {
      const opened = envelope.open(known.epoch);
      this.#tell(entry, status, head.kind, opened);
    } catch {
      this.#reports.entry({ ...entry, status: "refused", reason: "forged" });
    }
  }

  /**
   * @param {MessageEntry} entry
   * @param {"sent" | "received"} status
   * @param {string} kind
   * @param {unknown} opened
   */
  #tell(entry, status, kind, opened) {
    try {
      const content = readContent(kind, opened);
      if (content.kind === "remove" && !this.#mayRemove(entry, content.member)) {
        return this.#reports.entry({ ...entry, status: "refused", reason: "not-creator" });
      }
      this.#reports.entry({ ...entry, status, content });
      if (content.kind === "remove") this.#reports.removed(content.member);
    } catch {
      this.#reports.entry({ ...entry, status: "unreadable", reason: "newer" });
    }
  }

  /**
   * @param {MessageEntry} entry
   * @param {string} memberId
   */
  #mayRemove({ senderId, audience }, memberId) {
    return senderId === this.#roster.creatorId && !audience && memberId !== senderId;
  }

  /**
   * @param {RelayMessage} relayed
   * @param {Envelope | null} envelope
   * @param {boolean} isLate
   */
  #wait(relayed, envelope, isLate) {
    if (this.#waiting.size >= MAX_WAITING) return this.#refuse(relayed, "too-many");
    this.#waiting.set(relayed.id, { relayed, envelope, isLate });
    const sentMs = envelope?.head.sentMs ?? relayed.timestamp;
    this.#reports.entry({ ...blank(relayed), status: "waiting", sentMs, isLate });
    const epochId = envelope?.head.epochId ?? claimedEpochId(relayed.encrypted);
    if (epochId) this.#reports.wanted(relayed.from, epochId);
  }

  /**
   * @param {RelayMessage} relayed
   * @param {string} reason
   */
  #refuse(relayed, reason) {
    this.#reports.entry({ ...blank(relayed), status: "refused", reason });
  }
}

/**
 * @param {RelayMessage} relayed
 * @returns {MessageEntry}
 */
function blank(relayed) {
  return {
    type: "message",
    id: relayed.id,
    senderId: relayed.from,
    audience: relayed.to || null,
    sentMs: relayed.timestamp,
    status: "waiting",
    reason: null,
    isLate: false,
    content: null,
  };
}

/**
 * @param {string} senderId
 * @param {Uint8Array} audience
 */
function chainId(senderId, audience) {
  return `${senderId} ${toBase64url(audience)}`;
}

/**
 * @param {string} id
 * @param {string} senderId
 */
function isChainOf(id, senderId) {
  return id.startsWith(`${senderId} `);
}
