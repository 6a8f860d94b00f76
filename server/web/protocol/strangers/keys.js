// @ts-check
/** How keys come to members, and how they are asked for. docs/PROTOCOL.md, section 17. */

import {
  compare,
  concat,
  equal,
  fromBase64url,
  fromU64,
  MalformedError,
  pack,
  toBase64url,
  u64,
  unpack,
} from "../bytes.js";
import { MEMBER_ID_BYTES } from "../identity.js";
import {
  boxKeyOf,
  derive,
  dh,
  ForgedError,
  HASH_BYTES,
  KEY_BYTES,
  label,
  NO_BYTES,
  NONCE_BYTES,
  open,
  randomBytes,
  seal,
  TAG_BYTES,
  verify,
} from "../primitives.js";
import { CHAIN_ID_BYTES, KeyChain } from "./chains.js";

const NO_NONCE = new Uint8Array(NONCE_BYTES); // each wrap key is used once
const ENTRY_BYTES = MEMBER_ID_BYTES + KEY_BYTES + TAG_BYTES;

/**
 * What the keys of a sender say of themselves, signed and open.
 *
 * @typedef {import("./chains.js").ChainTag & {chainId: Uint8Array, previous: Uint8Array, ephemeralKey: Uint8Array, entries: Uint8Array[]}} KeysNote
 */

/**
 * @param {import("../identity.js").Identity} identity
 * @param {KeyChain} chain That was not used yet.
 * @param {{previous: Uint8Array, recipients: {memberId: Uint8Array, boxKey: Uint8Array}[]}} said
 *   Of `previous`, the hash of the sender's last message.
 * @param {Uint8Array} [ephemeralSecret] For this alone.
 * @returns {string} For a message of the relay's type `key_exchange`.
 */
export function makeKeys(
  identity,
  chain,
  { previous, recipients },
  ephemeralSecret = randomBytes(KEY_BYTES),
) {
  const ephemeralKey = boxKeyOf(ephemeralSecret);
  const { sender, epoch, members, first } = chain.tag;
  const { next, key } = chain.state;
  if (next !== first) throw new RangeError("a chain that was used already");
  const entries = recipients
    .toSorted((a, b) => compare(a.memberId, b.memberId))
    .map(({ memberId, boxKey }) => {
      const secret = dh(ephemeralSecret, boxKey);
      const context = [sender, chain.id, memberId, ephemeralKey];
      const wrapKey = derive(secret, chain.place, "strangers/wrap", ...context);
      return concat(memberId, seal(wrapKey, NO_NONCE, NO_BYTES, key));
    });
  const body = pack(
    label("strangers/keys"),
    chain.place,
    sender,
    u64(epoch),
    members,
    chain.id,
    u64(first),
    previous,
    ephemeralKey,
    concat(...entries),
  );
  return toBase64url(pack(body, identity.sign(body)));
}

/**
 * @param {Uint8Array} place
 * @param {import("./cards.js").StrangerCard} sender Of the user that the relay names.
 * @param {unknown} text
 * @returns {KeysNote}
 * @throws {MalformedError | ForgedError}
 */
export function readKeys(place, sender, text) {
  if (typeof text !== "string") throw new MalformedError("no keys");
  const [body, signature] = unpack(fromBase64url(text), 2);
  const [what, where, from, epoch, members, chainId, first, previous, ephemeralKey, packed] =
    unpack(body, 10);
  if (!equal(what, label("strangers/keys"))) throw new MalformedError("no keys");
  const isSized =
    members.length === HASH_BYTES &&
    chainId.length === CHAIN_ID_BYTES &&
    previous.length === HASH_BYTES &&
    ephemeralKey.length === KEY_BYTES &&
    packed.length % ENTRY_BYTES === 0;
  if (!isSized || fromU64(first) === 0) throw new MalformedError("a field of a wrong size");
  const note = { epoch: fromU64(epoch), members, chainId, first: fromU64(first), previous };
  const entries = inOrder(packed);
  if (!equal(where, place)) throw new ForgedError("keys for another group");
  if (!equal(from, sender.memberId)) throw new ForgedError("keys of another sender");
  verify(sender.signKey, body, signature);
  return { sender: sender.memberId, ...note, ephemeralKey, entries };
}

/**
 * Take one's own key out.
 *
 * @param {Uint8Array} place
 * @param {import("../identity.js").Identity} identity
 * @param {KeysNote} note
 * @returns {KeyChain | null} Null if there is none for us.
 * @throws {ForgedError} It does not open, or is that of another chain.
 */
export function openKeys(place, identity, note) {
  const { memberId } = identity;
  const mine = note.entries.find((entry) => equal(entry.subarray(0, MEMBER_ID_BYTES), memberId));
  if (!mine) return null;
  const { sender, epoch, members, first, chainId, ephemeralKey } = note;
  const secret = identity.agree(ephemeralKey);
  const context = [sender, chainId, memberId, ephemeralKey];
  const wrapKey = derive(secret, place, "strangers/wrap", ...context);
  const key = open(wrapKey, NO_NONCE, NO_BYTES, mine.subarray(MEMBER_ID_BYTES));
  const tag = { sender: sender.slice(), epoch, members: members.slice(), first };
  const chain = new KeyChain(place, tag, key);
  if (!equal(chain.id, chainId)) throw new ForgedError("a key of another chain");
  return chain;
}

/**
 * "Send me the keys of that chain again."
 *
 * @param {Uint8Array} place
 * @param {Uint8Array} chainId
 * @returns {string} Also for a message of the type `key_exchange`.
 */
export function makeWish(place, chainId) {
  return toBase64url(pack(label("strangers/wanted"), place, chainId));
}

/**
 * @param {Uint8Array} place
 * @param {unknown} text
 * @returns {Uint8Array | null} The id of the chain; null if that is no such wish.
 */
export function readWish(place, text) {
  try {
    const [what, where, chainId] = unpack(fromBase64url(String(text)), 3);
    const isWish = equal(what, label("strangers/wanted")) && equal(where, place);
    return isWish && chainId.length === CHAIN_ID_BYTES ? chainId : null;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} packed */
function inOrder(packed) {
  const entries = [];
  for (let at = 0; at < packed.length; at += ENTRY_BYTES) {
    entries.push(packed.subarray(at, at + ENTRY_BYTES));
  }
  const ids = entries.map((entry) => entry.subarray(0, MEMBER_ID_BYTES));
  if (ids.some((id, at) => at > 0 && compare(ids[at - 1], id) >= 0)) {
    throw new MalformedError("keys out of order");
  }
  return entries;
}
