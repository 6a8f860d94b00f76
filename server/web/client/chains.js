// @ts-check
/** The chains of all senders, and what may be missing of them with reason. docs/PROTOCOL.md, section 8. */

import { fromBase64url, toBase64url } from "../protocol/bytes.js";
import { Chain } from "../protocol/chain.js";

/**
 * @typedef {import("../protocol/chain.js").ChainLink} ChainLink
 * @typedef {{newest: number, end: {number: number, hash: string} | null}} Before A number, and the newest message that had come.
 */

export class Chains {
  /** @type {Map<string, Chain>} By sender and audience. */
  #chains = new Map();
  /** @type {Map<string, import("../protocol/chain.js").Extent>} What counts of chains of removed members. */
  #limits = new Map();
  /** @type {Map<string, Before>} How far chains had come before a reload. */
  #before = new Map();
  /** @type {Set<string>} Senders of whom the relay may have trimmed something before their next message. */
  #trimmed = new Set();
  /** @type {Set<string>} Chains of which that message has come. */
  #settled = new Set();
  /** @type {Set<string>} Chains of which the start may have been trimmed. */
  #cutOff = new Set();
  /** Whether the relay has told that it has kept all from the beginning of the session. */
  #isWhole = true;
  /** @type {Set<string>} Senders of whom we have let go something unseen. */
  #partly = new Set();
  #gap;

  /** @param {(code: "missing" | "trimmed", senderId: string, count: number) => void} gap Told of what is missing. */
  constructor(gap) {
    this.#gap = gap;
  }

  /**
   * Note a message of which the signature is right.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {ChainLink} link
   * @param {{from: number, isTrimmed: boolean}} place Of `Chain.take`; and whether the relay has told that it no longer has all.
   * @returns {import("../protocol/chain.js").Place}
   */
  take(senderId, audience, link, { from, isTrimmed }) {
    const id = chainId(senderId, audience);
    const chain = this.#chain(id);
    const isStart = chain.newest === 0;
    const isExcused = (isTrimmed || this.#trimmed.has(senderId)) && !this.#settled.has(id);
    const isKnownWhole = isStart && this.#isWhole && !this.#partly.has(senderId);
    const { place, missing } = chain.take(link, isKnownWhole ? 1 : from);
    this.#settled.add(id);
    if (isStart && isExcused) this.#cutOff.add(id);
    this.#tell(isExcused, senderId, missing);
    return place;
  }

  /**
   * Learn later since when a chain is for us.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {number} from
   */
  startAt(senderId, audience, from) {
    const id = chainId(senderId, audience);
    this.#tell(this.#cutOff.has(id), senderId, this.#chain(id).startAt(from));
  }

  /**
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {number} number
   * @param {Uint8Array} hash
   */
  compare(senderId, audience, number, hash) {
    return this.#chain(chainId(senderId, audience)).compare(number, hash);
  }

  /**
   * Wait no longer for what a sender has told of.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {number} number
   */
  giveUp(senderId, audience, number) {
    const id = chainId(senderId, audience);
    const isExcused = this.#trimmed.has(senderId) && !this.#settled.has(id);
    this.#settled.add(id);
    this.#tell(isExcused, senderId, this.#chain(id).giveUp(number));
  }

  /**
   * The newest message of a chain.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   */
  end(senderId, audience) {
    return this.#chain(chainId(senderId, audience)).last;
  }

  /**
   * The relay has told that it no longer has all that we have not seen. As long as it does not, what comes
   * first of a chain is its first message, or others are missing.
   *
   * @param {string[]} senderIds Who may have said something meanwhile.
   */
  trim(senderIds) {
    this.#isWhole = false;
    this.#trimmed = new Set(senderIds);
    this.#settled.clear();
  }

  /**
   * Something of a sender came, and was let go before it was known what it is.
   *
   * @param {string} senderId
   */
  letGo(senderId) {
    this.#partly.add(senderId);
  }

  /**
   * Believe nothing more of somebody than what has come until now.
   *
   * @param {string} senderId
   */
  close(senderId) {
    for (const [id, { extent }] of this.#chains) {
      if (id.startsWith(`${senderId} `)) this.#limits.set(id, extent);
    }
  }

  /**
   * Whether a message of a removed member had come before it was removed.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {number} number
   */
  isFromBefore(senderId, audience, number) {
    const limit = this.#limits.get(chainId(senderId, audience));
    if (!limit || number < limit.first || number > limit.last) return false;
    // What was missing then, somebody who was removed could make anew.
    return !limit.gaps.some(({ first, last }) => first <= number && number <= last);
  }

  /**
   * Compare with how far the chains had come before a reload, once the history is there.
   *
   * @returns {{memberId: string, count: number, isOther: boolean}[]} Of whom something has vanished, or was exchanged.
   */
  vanished() {
    const before = [...this.#before];
    this.#before.clear();
    return before.flatMap(([id, { newest, end }]) => {
      const chain = this.#chain(id);
      const isOther =
        end !== null && chain.compare(end.number, fromBase64url(end.hash)) === "forked";
      const count = chain.giveUp(newest);
      const memberId = id.slice(0, id.indexOf(" "));
      return count > 0 || isOther ? [{ memberId, count, isOther }] : [];
    });
  }

  /** How far each chain has come, for after a reload. */
  export() {
    const chains = new Map(this.#before);
    for (const [id, { newest, last }] of this.#chains) {
      if (newest < (chains.get(id)?.newest ?? 1)) continue;
      const end = last && { number: last.number, hash: toBase64url(last.hash) };
      chains.set(id, { newest, end: end ?? null });
    }
    return { chains: [...chains], limits: [...this.#limits] };
  }

  /** @param {ReturnType<Chains["export"]>} kept */
  import({ chains, limits }) {
    this.#before = new Map(chains);
    this.#limits = new Map(limits);
  }

  /**
   * @param {boolean} isExcused
   * @param {string} senderId
   * @param {number} count
   */
  #tell(isExcused, senderId, count) {
    if (count > 0) this.#gap(isExcused ? "trimmed" : "missing", senderId, count);
  }

  /** @param {string} id */
  #chain(id) {
    const chain = this.#chains.get(id) ?? new Chain();
    this.#chains.set(id, chain);
    return chain;
  }
}

/**
 * @param {string} senderId
 * @param {Uint8Array} audience
 */
function chainId(senderId, audience) {
  return `${senderId} ${toBase64url(audience)}`;
}
