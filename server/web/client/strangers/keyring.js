// @ts-check
/** Chains of keys that others have sent, and what is done about those that are lacking. PROTOCOL.md, section 17. */

import { toBase64url } from "../../protocol/bytes.js";
import { openKeys, readKeys } from "../../protocol/strangers/keys.js";

const MAX_CHAINS_EACH = 16;
const MAX_AHEAD = 50;
const MAX_WISHES = 200;
const MAX_ASKED = 3;

/**
 * @typedef {import("../../protocol/strangers/chains.js").KeyChain} KeyChain
 * @typedef {import("../../protocol/strangers/keys.js").KeysNote} KeysNote
 * @typedef {import("./people.js").Stranger} Stranger
 * @typedef {{userId: string, chainId: Uint8Array, asked: number, nextMs: number}} Wish
 *
 * @typedef {object} KeyReports
 * @property {(person: Stranger, note: KeysNote) => void} accepted
 * @property {(code: "forged" | "split", person: Stranger) => void} trouble
 */

export class StrangerKeyring {
  #place;
  #identity;
  #epochs;
  #pace;
  #reports;
  /** @type {Map<string, Map<string, KeyChain | null>>} By sender and chain id; null for keys that were not for us. */
  #chains = new Map();
  /** @type {{person: Stranger, note: KeysNote, sinceMs: number}[]} For epochs that are yet to be told. */
  #ahead = [];
  /** @type {Map<string, Wish>} By chain id. */
  #wishes = new Map();

  /**
   * @param {{place: Uint8Array, identity: import("../../protocol/identity.js").Identity, epochs: import("./epochs.js").Epochs, pace: import("./pace.js").GroupPace}} parts
   * @param {KeyReports} reports
   */
  constructor({ place, identity, epochs, pace }, reports) {
    this.#place = place;
    this.#identity = identity;
    this.#epochs = epochs;
    this.#pace = pace;
    this.#reports = reports;
  }

  /** Since when somebody has spoken of an epoch that the relay has not told us of; null if nobody has. */
  get aheadSinceMs() {
    return this.#ahead[0]?.sinceMs ?? null;
  }

  /** Who speaks of such an epoch. */
  get aheadUserId() {
    return this.#ahead[0]?.person.userId ?? null;
  }

  /**
   * Take what came as keys of somebody.
   *
   * @param {Stranger} person With a card.
   * @param {unknown} encrypted
   * @param {number} nowMs
   * @throws {Error} They are not authentic.
   */
  take(person, encrypted, nowMs) {
    if (!person.card) return;
    this.#judge(person, readKeys(this.#place, person.card, encrypted), nowMs);
  }

  /**
   * Look again at what came too early, now that an epoch was told.
   *
   * @param {number} nowMs
   */
  retry(nowMs) {
    for (const { person, note, sinceMs } of this.#ahead.splice(0)) {
      this.#judge(person, note, Math.min(sinceMs, nowMs));
    }
  }

  /**
   * @param {import("../../protocol/strangers/messages.js").StrangerEnvelope} envelope
   * @returns {KeyChain | null | undefined} Null if its keys were not for us, undefined if they have not come.
   */
  chainOf({ head }) {
    return this.#chains.get(toBase64url(head.sender))?.get(toBase64url(head.chainId));
  }

  /**
   * @param {string} userId
   * @param {Uint8Array} chainId
   * @param {number} nowMs
   */
  want(userId, chainId, nowMs) {
    const id = toBase64url(chainId);
    if (this.#wishes.has(id) || this.#wishes.size >= MAX_WISHES) return;
    const nextMs = nowMs + this.#pace.patience;
    this.#wishes.set(id, { userId, chainId: chainId.slice(), asked: 0, nextMs });
  }

  /**
   * What is to be asked for now, and what nobody gives.
   *
   * @param {number} nowMs
   */
  due(nowMs) {
    const due = [...this.#wishes].filter(([, { nextMs }]) => nextMs <= nowMs);
    const given = due.filter(([, { asked }]) => asked >= MAX_ASKED);
    for (const [id] of given) this.#wishes.delete(id);
    const wanted = due.filter(([, { asked }]) => asked < MAX_ASKED).map(([, wish]) => wish);
    for (const wish of wanted) {
      wish.asked += 1;
      wish.nextMs = nowMs + this.#pace.asking;
    }
    return { wanted, lacking: new Set(given.map(([id]) => id)) };
  }

  /** After a while without a connection, everything is asked for anew. */
  askAgain() {
    for (const wish of this.#wishes.values()) Object.assign(wish, { asked: 0, nextMs: 0 });
  }

  /**
   * @param {Stranger} person
   * @param {KeysNote} note
   * @param {number} nowMs
   */
  #judge(person, note, nowMs) {
    const verdict = this.#epochs.judge(note);
    if (verdict === "split") return this.#reports.trouble("split", person);
    if (verdict === "ahead") this.#wait(person, note, nowMs);
    if (verdict === "good") this.#accept(person, note);
  }

  /**
   * @param {Stranger} person
   * @param {KeysNote} note
   * @param {number} sinceMs
   */
  #wait(person, note, sinceMs) {
    this.#ahead.push({ person, note, sinceMs });
    if (this.#ahead.length > MAX_AHEAD) this.#ahead.shift();
  }

  /**
   * @param {Stranger} person
   * @param {KeysNote} note
   */
  #accept(person, note) {
    const sender = toBase64url(note.sender);
    const id = toBase64url(note.chainId);
    const chains = this.#chains.get(sender) ?? new Map();
    if (chains.has(id)) return undefined; // Never twice: the keys that were used are forgotten.
    try {
      chains.set(id, openKeys(this.#place, this.#identity, note));
    } catch {
      return this.#reports.trouble("forged", person);
    }
    this.#chains.set(sender, chains);
    if (chains.size > MAX_CHAINS_EACH) chains.delete([...chains.keys()][0]);
    this.#wishes.delete(id);
    this.#epochs.note(note.epoch, note.members);
    return this.#reports.accepted(person, note);
  }
}
