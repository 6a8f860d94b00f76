// @ts-check
/** The epochs that this client knows: its own, and those that it can read. */

import { equal, fromBase64url, toBase64url } from "../protocol/bytes.js";
import { Epoch, recipientsHash, wrapKeys } from "../protocol/epoch.js";
import { KEY_BYTES, NO_BYTES, randomBytes } from "../protocol/primitives.js";

const MAX_KNOWN = 2_000;
const MAX_MESSAGES = 100;
const MAX_AGE_MS = 60 * 60_000;

/**
 * @typedef {object} Known
 * @property {Epoch} epoch
 * @property {number} from The first number for this client; 0 if it was told later.
 * @property {Map<string, number>} readers Since which number each whom it was wrapped for; only of own epochs.
 *
 * @typedef {{epoch: Epoch, keys: Uint8Array, madeMs: number, used: number}} Current
 */

export class Epochs {
  #link;
  #identity;
  /** @type {Map<string, Known>} */
  #known = new Map();
  /** @type {Map<string, Current>} Own ones in use, by audience. */
  #current = new Map();
  /** @type {Map<string, Map<string, number>>} Since which number somebody has been a recipient. */
  #since = new Map();

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   */
  constructor(link, identity) {
    this.#link = link;
    this.#identity = identity;
  }

  /** @param {Uint8Array} epochId */
  get(epochId) {
    return this.#known.get(toBase64url(epochId));
  }

  /**
   * @param {Epoch} epoch
   * @param {number} from
   * @param {Map<string, number>} readers
   */
  add(epoch, from, readers = new Map()) {
    const id = toBase64url(epoch.epochId);
    if (this.#known.has(id)) return;
    this.#known.set(id, { epoch, from, readers });
    if (this.#known.size > MAX_KNOWN) this.#known.delete(first(this.#known));
  }

  /**
   * The own epoch for the next message, a new one if need be.
   *
   * @param {string | null} audience
   * @param {import("../protocol/card.js").Card[]} recipients
   * @param {number} number Of that message.
   * @param {number} nowMs
   * @returns {Current} Its `keys` go with the message, until `settle`.
   */
  forNext(audience, recipients, number, nowMs) {
    const current = this.#current.get(audience ?? "");
    const wanted = recipientsHash(recipients.map(({ memberId }) => memberId));
    const isFit =
      current &&
      equal(current.epoch.recipients, wanted) &&
      current.used < MAX_MESSAGES &&
      nowMs - current.madeMs < MAX_AGE_MS;
    return isFit ? current : this.#begin(audience, recipients, wanted, number, nowMs);
  }

  /**
   * A message of an epoch has reached the relay: its keys need not be sent again.
   *
   * @param {string | null} audience
   * @param {Uint8Array} epochId
   */
  settle(audience, epochId) {
    const current = this.#current.get(audience ?? "");
    if (!current || !equal(current.epoch.epochId, epochId)) return;
    current.keys = NO_BYTES;
    current.used += 1;
  }

  /** What is to be kept for after a reload. */
  export() {
    return [...this.#known.values()].map(({ epoch, from, readers }) => ({
      sender: toBase64url(epoch.sender),
      audience: toBase64url(epoch.audience),
      recipients: toBase64url(epoch.recipients),
      key: toBase64url(epoch.key),
      from,
      readers: [...readers],
    }));
  }

  /** @param {ReturnType<Epochs["export"]>} kept */
  import(kept) {
    for (const { sender, audience, recipients, key, from, readers } of kept) {
      const fields = [sender, audience, recipients, key].map(fromBase64url);
      const [senderId, audienceId, recipientsId, epochKey] = fields;
      const epoch = new Epoch(this.#link.sessionId, senderId, audienceId, recipientsId, epochKey);
      this.add(epoch, from, new Map(readers));
    }
  }

  /**
   * @param {string | null} audience
   * @param {import("../protocol/card.js").Card[]} recipients
   * @param {Uint8Array} wanted
   * @param {number} number
   * @param {number} nowMs
   */
  #begin(audience, recipients, wanted, number, nowMs) {
    const { sessionId } = this.#link;
    const audienceId = audience ? fromBase64url(audience) : NO_BYTES;
    const me = this.#identity.memberId;
    const epoch = new Epoch(sessionId, me, audienceId, wanted, randomBytes(KEY_BYTES));
    const before = this.#since.get(audience ?? "");
    const since = new Map(recipients.map(({ id }) => [id, before?.get(id) ?? number]));
    this.#since.set(audience ?? "", since);
    const wrapped = recipients.map((card) => ({ ...card, from: since.get(card.id) ?? number }));
    const keys = wrapKeys(this.#link, epoch, wrapped);
    this.add(epoch, since.get(this.#identity.id) ?? number, since);
    const current = { epoch, keys, madeMs: nowMs, used: 0 };
    this.#current.set(audience ?? "", current);
    return current;
  }
}

/** @param {Map<string, unknown>} map One that is not empty. */
function first(map) {
  return /** @type {string} */ (map.keys().next().value);
}
