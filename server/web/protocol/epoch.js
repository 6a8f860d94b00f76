// @ts-check
/** Epochs: a sender's key for one audience, and who has it. docs/PROTOCOL.md, section 5. */

import { compare, concat, equal, fromU64, MalformedError, pack, u64, unpackAll } from "./bytes.js";
import { MEMBER_ID_BYTES } from "./identity.js";
import {
  boxKeyOf,
  derive,
  dh,
  ForgedError,
  hash,
  KEY_BYTES,
  label,
  NONCE_BYTES,
  open,
  randomBytes,
  seal,
  TAG_BYTES,
} from "./primitives.js";

export const EPOCH_ID_BYTES = 16;

const NO_NONCE = new Uint8Array(NONCE_BYTES); // each wrap key is used once
const FROM_AT = MEMBER_ID_BYTES;
const BOX_AT = FROM_AT + 8;
const ENTRY_BYTES = BOX_AT + KEY_BYTES + TAG_BYTES;

/** @typedef {{memberId: Uint8Array, boxKey: Uint8Array, from: number}} Recipient */

/**
 * What stands for a set of recipients.
 *
 * @param {Uint8Array[]} memberIds In any order.
 */
export function recipientsHash(memberIds) {
  return hash(pack(label("recipients"), ...memberIds.toSorted(compare)));
}

/** A key, and what its id binds it to. */
export class Epoch {
  /**
   * @param {Uint8Array} sessionId
   * @param {Uint8Array} sender Member id.
   * @param {Uint8Array} audience Member id, or no bytes for everybody.
   * @param {Uint8Array} recipients As of `recipientsHash`.
   * @param {Uint8Array} key
   */
  constructor(sessionId, sender, audience, recipients, key) {
    // Copies: these may be parts of a whole message, which would be kept with them.
    this.sender = sender.slice();
    this.audience = audience.slice();
    this.recipients = recipients.slice();
    this.key = key.slice();
    const context = [sender, audience, recipients];
    this.epochId = derive(key, sessionId, "epoch", ...context).slice(0, EPOCH_ID_BYTES);
    this.contentKey = derive(key, sessionId, "content");
  }
}

/**
 * Wrap an epoch's key for each of its recipients.
 *
 * @param {import("./link.js").Link} link
 * @param {Epoch} epoch
 * @param {Recipient[]} recipients
 * @param {Uint8Array} [ephemeralSecret] For this epoch alone.
 * @returns {Uint8Array} The field `keys` of its first message.
 */
export function wrapKeys(link, epoch, recipients, ephemeralSecret = randomBytes(KEY_BYTES)) {
  const ephemeralKey = boxKeyOf(ephemeralSecret);
  const entries = recipients
    .toSorted((a, b) => compare(a.memberId, b.memberId))
    .map(({ memberId, boxKey, from }) => {
      const secret = dh(ephemeralSecret, boxKey);
      const wrapKey = wrapKeyOf(link, epoch, memberId, ephemeralKey, secret);
      return concat(memberId, u64(from), seal(wrapKey, NO_NONCE, u64(from), epoch.key));
    });
  return pack(ephemeralKey, ...entries);
}

/**
 * The field `keys`, taken apart.
 *
 * @param {Uint8Array} keys
 */
export function readKeys(keys) {
  const [ephemeralKey, ...entries] = unpackAll(keys);
  if (ephemeralKey?.length !== KEY_BYTES) throw new MalformedError("no ephemeral key");
  if (entries.some((entry) => entry.length !== ENTRY_BYTES)) throw new MalformedError("no entry");
  const memberIds = entries.map((entry) => entry.subarray(0, MEMBER_ID_BYTES));
  if (memberIds.some((id, at) => at > 0 && compare(memberIds[at - 1], id) >= 0)) {
    throw new MalformedError("entries out of order");
  }
  return { ephemeralKey, entries, memberIds };
}

/**
 * Take one's own key out of a first message.
 *
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {Pick<import("./envelope.js").Head, "sender" | "audience" | "epochId" | "recipients" | "keys">} head
 * @returns {{epoch: Epoch, from: number} | null} Null if it is not for us.
 * @throws {ForgedError} It is for others than it says, does not open, or is not the key of that epoch.
 */
export function unwrapKey(link, identity, { sender, audience, epochId, recipients, keys }) {
  const { ephemeralKey, entries, memberIds } = readKeys(keys);
  if (!equal(recipientsHash(memberIds), recipients)) throw new ForgedError("keys for others");
  const mine = entries.find((entry) => equal(entry.subarray(0, FROM_AT), identity.memberId));
  if (!mine) return null;
  const from = mine.subarray(FROM_AT, BOX_AT);
  const secret = identity.agree(ephemeralKey);
  const place = { sender, audience, epochId };
  const wrapKey = wrapKeyOf(link, place, identity.memberId, ephemeralKey, secret);
  const key = open(wrapKey, NO_NONCE, from, mine.subarray(BOX_AT));
  const epoch = new Epoch(link.sessionId, sender, audience, recipients, key);
  if (!equal(epoch.epochId, epochId)) throw new ForgedError("a key of another epoch");
  return { epoch, from: fromU64(from) };
}

/**
 * @param {import("./link.js").Link} link
 * @param {{sender: Uint8Array, audience: Uint8Array, epochId: Uint8Array}} epoch
 * @param {Uint8Array} memberId
 * @param {Uint8Array} ephemeralKey
 * @param {Uint8Array} secret
 */
function wrapKeyOf(link, { sender, audience, epochId }, memberId, ephemeralKey, secret) {
  const context = [link.sessionId, sender, audience, epochId, memberId, ephemeralKey];
  return derive(secret, link.linkKey, "wrap", ...context);
}
