// @ts-check
/** Messages: sealed for an epoch, signed, and each tied to the one before. docs/PROTOCOL.md, section 4. */

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
} from "./bytes.js";
import { EPOCH_ID_BYTES } from "./epoch.js";
import { MEMBER_ID_BYTES } from "./identity.js";
import {
  ForgedError,
  HASH_BYTES,
  hash,
  label,
  openWithNonce,
  pad,
  sealWithNonce,
  unpad,
  verify,
} from "./primitives.js";

/** The relay's `type` of our messages. */
export const MESSAGE_TYPE = "hushwire.1";

const CONTENT_PAD_BYTES = 256;
const MAX_ID_BYTES = 128;
const MAX_KIND_BYTES = 32;

/**
 * What a message says of itself, signed and open.
 *
 * @typedef {object} Head
 * @property {Uint8Array} sender Member id.
 * @property {Uint8Array} audience Member id, or no bytes for everybody.
 * @property {string} messageId
 * @property {string} kind
 * @property {Uint8Array} epochId
 * @property {Uint8Array} recipients As of `recipientsHash`.
 * @property {number} number Its place in the chain, from 1.
 * @property {Uint8Array} previous The hash of the message before.
 * @property {number} sentMs By the sender's clock.
 * @property {Uint8Array} keys The epoch's keys, in its first message; else no bytes.
 */

/** A message of which the signature is right. */
export class Envelope {
  #head;
  #sealed;

  /**
   * @param {Head} said
   * @param {Uint8Array} head The same, as it was signed.
   * @param {Uint8Array} sealed
   */
  constructor(said, head, sealed) {
    this.head = said;
    this.#head = head;
    this.#sealed = sealed;
    /** By which the next message in the chain names this one. */
    this.hash = hash(signedBytes(head, sealed));
  }

  /**
   * What it holds.
   *
   * @param {import("./epoch.js").Epoch} epoch
   * @returns {unknown} A value of JSON.
   * @throws {ForgedError | MalformedError}
   */
  open(epoch) {
    const isOfEpoch =
      equal(epoch.sender, this.head.sender) &&
      equal(epoch.audience, this.head.audience) &&
      equal(epoch.recipients, this.head.recipients);
    if (!isOfEpoch) throw new ForgedError("of another sender, or for others, than its epoch");
    const padded = openWithNonce(epoch.contentKey, this.#head, this.#sealed);
    try {
      return JSON.parse(fromUtf8(unpad(padded)));
    } catch {
      throw new MalformedError("the content is not JSON");
    }
  }
}

/**
 * @param {import("./link.js").Link} link
 * @param {import("./identity.js").Identity} identity
 * @param {import("./epoch.js").Epoch} epoch
 * @param {Omit<Head, "sender" | "audience" | "epochId" | "recipients">} said
 * @param {unknown} content A value of JSON.
 * @param {Uint8Array} [nonce]
 * @returns {{bytes: Uint8Array, hash: Uint8Array}}
 */
export function makeEnvelope(link, identity, epoch, said, content, nonce) {
  const head = pack(
    label("message"),
    link.sessionId,
    identity.memberId,
    epoch.audience,
    said.messageId,
    said.kind,
    epoch.epochId,
    epoch.recipients,
    u64(said.number),
    said.previous,
    u64(said.sentMs),
    said.keys,
  );
  const plain = pad(utf8(JSON.stringify(content)), CONTENT_PAD_BYTES);
  const sealed = sealWithNonce(epoch.contentKey, head, plain, nonce);
  const signed = signedBytes(head, sealed);
  return { bytes: pack(head, sealed, identity.sign(signed)), hash: hash(signed) };
}

/**
 * Take a message apart and check who it is of. Opening it is another matter.
 *
 * @param {import("./link.js").Link} link
 * @param {{id: string, from: string, to: string | null, encrypted: unknown}} relayed As the relay tells it.
 * @param {import("./card.js").Card} sender Of the member that the relay names.
 * @throws {ForgedError | MalformedError}
 */
export function readEnvelope(link, relayed, sender) {
  if (typeof relayed.encrypted !== "string") throw new MalformedError("no message");
  const [head, sealed, signature] = unpack(fromBase64url(relayed.encrypted), 3);
  const { sessionId, ...said } = readHead(head);
  if (!equal(sessionId, link.sessionId)) throw new ForgedError("of another session");
  if (!equal(said.sender, sender.memberId)) throw new ForgedError("of another sender");
  if (said.messageId !== relayed.id) throw new ForgedError("under another id");
  const audience = relayed.to ? fromBase64url(relayed.to) : new Uint8Array(0);
  if (!equal(said.audience, audience)) throw new ForgedError("for another audience");
  verify(sender.signKey, signedBytes(head, sealed), signature);
  return new Envelope(said, head, sealed);
}

/**
 * Which epoch a message claims to be of, while its sender's card is lacking: nothing is checked.
 *
 * @param {unknown} encrypted
 * @returns {Uint8Array | null} Null if it is no message.
 */
export function claimedEpochId(encrypted) {
  try {
    return readHead(unpack(fromBase64url(String(encrypted)), 3)[0]).epochId;
  } catch {
    return null;
  }
}

/** @param {Uint8Array} head */
function readHead(head) {
  const [what, sessionId, sender, audience, messageId, kind, epochId, recipients, ...rest] = unpack(
    head,
    12,
  );
  const [number, previous, sentMs, keys] = rest;
  if (!equal(what, label("message"))) throw new MalformedError("no message");
  const sizes =
    sender.length === MEMBER_ID_BYTES &&
    (audience.length === 0 || audience.length === MEMBER_ID_BYTES) &&
    messageId.length <= MAX_ID_BYTES &&
    kind.length <= MAX_KIND_BYTES &&
    epochId.length === EPOCH_ID_BYTES &&
    recipients.length === HASH_BYTES &&
    previous.length === HASH_BYTES;
  if (!sizes || fromU64(number) === 0) throw new MalformedError("a field of a wrong size");
  return {
    sessionId,
    sender,
    audience,
    messageId: fromUtf8(messageId),
    kind: fromUtf8(kind),
    epochId,
    recipients,
    number: fromU64(number),
    previous,
    sentMs: fromU64(sentMs),
    keys,
  };
}

/**
 * @param {Uint8Array} head
 * @param {Uint8Array} sealed
 */
function signedBytes(head, sealed) {
  return pack(label("signed"), head, sealed);
}
