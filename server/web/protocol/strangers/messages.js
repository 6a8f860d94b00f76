// @ts-check
/** Messages among strangers: signed, each under a key of its own. docs/PROTOCOL.md, section 18. */

import {
  equal,
  fromBase64url,
  fromU64,
  fromUtf8,
  MalformedError,
  pack,
  u64,
  unpack,
  utf8,
} from "../bytes.js";
import { MEMBER_ID_BYTES } from "../identity.js";
import {
  derive,
  ForgedError,
  HASH_BYTES,
  hash,
  label,
  openWithNonce,
  pad,
  sealWithNonce,
  unpad,
  verify,
} from "../primitives.js";
import { CHAIN_ID_BYTES } from "./chains.js";

const CONTENT_PAD_BYTES = 256;
const MAX_ID_BYTES = 128;
const MAX_KIND_BYTES = 32;

/**
 * What a message says of itself, signed and open.
 *
 * @typedef {object} StrangerHead
 * @property {Uint8Array} sender Member id.
 * @property {string} messageId
 * @property {string} kind
 * @property {Uint8Array} chainId
 * @property {number} epoch
 * @property {Uint8Array} members As of `membersHash`.
 * @property {number} number Its place among all messages of its sender in the group, from 1.
 * @property {Uint8Array} previous The hash of the message before.
 * @property {number} sentMs By the sender's clock.
 * @property {Uint8Array} commitment To the one key that opens it.
 */

/** A message of which the signature is right. */
export class StrangerEnvelope {
  #place;
  #head;
  #sealed;

  /**
   * @param {Uint8Array} place
   * @param {StrangerHead} said
   * @param {Uint8Array} head The same, as it was signed.
   * @param {Uint8Array} sealed
   */
  constructor(place, said, head, sealed) {
    this.#place = place;
    this.head = said;
    this.#head = head;
    this.#sealed = sealed;
    /** By which the next message names this one. */
    this.hash = hash(signedBytes(head, sealed));
  }

  /**
   * What it holds.
   *
   * @param {Uint8Array} key Of this message alone.
   * @returns {unknown} A value of JSON.
   * @throws {ForgedError | MalformedError}
   */
  open(key) {
    const { sender, number, commitment } = this.head;
    if (!equal(commitmentOf(this.#place, sender, number, key), commitment)) {
      throw new ForgedError("not the key to which it is committed");
    }
    const padded = openWithNonce(contentKeyOf(this.#place, key), this.#head, this.#sealed);
    try {
      return JSON.parse(fromUtf8(unpad(padded)));
    } catch {
      throw new MalformedError("the content is not JSON");
    }
  }

  /** Whether it says of itself what a chain is for. */
  isOf(/** @type {import("./chains.js").KeyChain} */ { id, tag }) {
    const { sender, epoch, members, chainId } = this.head;
    return (
      equal(chainId, id) &&
      equal(sender, tag.sender) &&
      epoch === tag.epoch &&
      equal(members, tag.members)
    );
  }
}

/**
 * @param {import("../identity.js").Identity} identity
 * @param {import("./chains.js").KeyChain} chain
 * @param {{messageId: string, kind: string, number: number, previous: Uint8Array, sentMs: number}} said
 * @param {unknown} content A value of JSON.
 * @param {Uint8Array} [nonce]
 * @returns {{bytes: Uint8Array, hash: Uint8Array}}
 */
export function makeStrangerMessage(identity, chain, said, content, nonce) {
  const { place } = chain;
  const key = chain.keyOf(said.number);
  const head = pack(
    label("strangers/message"),
    place,
    identity.memberId,
    said.messageId,
    said.kind,
    chain.id,
    u64(chain.tag.epoch),
    chain.tag.members,
    u64(said.number),
    said.previous,
    u64(said.sentMs),
    commitmentOf(place, identity.memberId, said.number, key),
  );
  const plain = pad(utf8(JSON.stringify(content)), CONTENT_PAD_BYTES);
  const sealed = sealWithNonce(contentKeyOf(place, key), head, plain, nonce);
  const signed = signedBytes(head, sealed);
  return { bytes: pack(head, sealed, identity.sign(signed)), hash: hash(signed) };
}

/**
 * Take a message apart and check who it is of. Opening it is another matter.
 *
 * @param {Uint8Array} place
 * @param {{id: string, encrypted: unknown}} relayed As the relay tells it.
 * @param {import("./cards.js").StrangerCard} sender Of the user that the relay names.
 * @throws {ForgedError | MalformedError}
 */
export function readStrangerMessage(place, relayed, sender) {
  if (typeof relayed.encrypted !== "string") throw new MalformedError("no message");
  const [head, sealed, signature] = unpack(fromBase64url(relayed.encrypted), 3);
  const { where, ...said } = readHead(head);
  if (!equal(where, place)) throw new ForgedError("of another group");
  if (!equal(said.sender, sender.memberId)) throw new ForgedError("of another sender");
  if (said.messageId !== relayed.id) throw new ForgedError("under another id");
  verify(sender.signKey, signedBytes(head, sealed), signature);
  return new StrangerEnvelope(place, said, head, sealed);
}

/** @param {Uint8Array} head */
function readHead(head) {
  const [what, where, sender, messageId, kind, chainId, epoch, members, ...rest] = unpack(head, 12);
  const [number, previous, sentMs, commitment] = rest;
  if (!equal(what, label("strangers/message"))) throw new MalformedError("no message");
  const isSized =
    sender.length === MEMBER_ID_BYTES &&
    messageId.length <= MAX_ID_BYTES &&
    kind.length <= MAX_KIND_BYTES &&
    chainId.length === CHAIN_ID_BYTES &&
    [members, previous, commitment].every((field) => field.length === HASH_BYTES);
  if (!isSized || fromU64(number) === 0) throw new MalformedError("a field of a wrong size");
  return {
    where,
    sender,
    messageId: fromUtf8(messageId),
    kind: fromUtf8(kind),
    chainId,
    epoch: fromU64(epoch),
    members,
    number: fromU64(number),
    previous,
    sentMs: fromU64(sentMs),
    commitment,
  };
}

/**
 * @param {Uint8Array} place
 * @param {Uint8Array} sender
 * @param {number} number
 * @param {Uint8Array} key
 */
function commitmentOf(place, sender, number, key) {
  return derive(key, place, "strangers/commitment", sender, u64(number));
}

/**
 * @param {Uint8Array} place
 * @param {Uint8Array} key
 */
function contentKeyOf(place, key) {
  return derive(key, place, "strangers/content");
}

/**
 * @param {Uint8Array} head
 * @param {Uint8Array} sealed
 */
function signedBytes(head, sealed) {
  return pack(label("signed"), head, sealed);
}
