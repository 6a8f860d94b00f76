// @ts-check
/** The chains of all senders, and what may be missing of them with reason. docs/PROTOCOL.md, section 8. */

import { toBase64url } from "../protocol/bytes.js";
import { Chain } from "../protocol/chain.js";

/** How many messages are known again after a reload, of all chains together. */
const MAX_MARKS = 5_000;

/**
 * @typedef {import("../protocol/chain.js").ChainLink} ChainLink
 * @typedef {{newest: number, marks: [number, string][]}} Kept A number, and by what messages that had come are known.
 */

export class Chains {
  /** @type {Map<string, Chain>} By sender and audience. */
  #chains = new Map();
  /** @type {Map<string, number>} How far chains had come before a reload. */
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
   * Whether this very message has come, now or before a reload.
   *
   * @param {string} senderId
   * @param {Uint8Array} audience
   * @param {ChainLink} link
   */
  has(senderId, audience, { number, hash }) {
    return this.#chains.get(chainId(senderId, audience))?.has(number, hash) ?? false;
  }

  /**
   * Compare with how far the chains had come before a reload, once the history is there.
   *
   * @returns {{memberId: string, count: number}[]} Of whom something has vanished.
   */
  vanished() {
    const before = [...this.#before];
    this.#before.clear();
    return before.flatMap(([id, newest]) => {
      const count = this.#chain(id).giveUp(newest);
      return count > 0 ? [{ memberId: id.slice(0, id.indexOf(" ")), count }] : [];
    });
  }

  /**
   * How far each chain has come, for after a reload.
   *
   * @returns {[string, Kept][]}
   */
  export() {
    const share = Math.max(1, Math.floor(MAX_MARKS / this.#chains.size));
    return [...this.#chains].flatMap(([id, chain]) => {
      const newest = Math.max(chain.newest, this.#before.get(id) ?? 0);
      return newest > 0 ? [[id, { newest, marks: chain.marks(share) }]] : [];
    });
  }

  /** @param {ReturnType<Chains["export"]>} kept */
  import(kept) {
    for (const [id, { newest, marks }] of kept) {
      this.#chain(id).remember(marks);
      this.#before.set(id, newest);
    }
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
