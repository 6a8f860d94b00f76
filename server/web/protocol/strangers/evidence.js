// @ts-check
/** What a report reveals, so that others can see who said what. docs/PROTOCOL.md, section 20. */

import { equal, fromBase64url, MalformedError, toBase64url } from "../bytes.js";
import { KEY_BYTES } from "../primitives.js";
import { readStrangerCard } from "./cards.js";
import { readStrangerMessage } from "./messages.js";
import { placeOf } from "./place.js";

const PROTOCOL = "hushwire/1/strangers";
const MAX_MESSAGES = 200;

/**
 * @typedef {{id: string, envelope: string, key: string}} RevealedMessage With the key of this message alone.
 * @typedef {{protocol: string, groupId: string, card: string, messages: RevealedMessage[]}} Evidence
 */

/**
 * @param {string} groupId
 * @param {import("./cards.js").StrangerCard} card Of who is reported.
 * @param {{id: string, encrypted: string, key: Uint8Array}[]} messages Of that sender, in order.
 * @returns {Evidence}
 */
export function makeEvidence(groupId, card, messages) {
  const revealed = messages.map(({ id, encrypted, key }) => ({
    id,
    envelope: encrypted,
    key: toBase64url(key),
  }));
  return { protocol: PROTOCOL, groupId, card: card.text, messages: revealed };
}

/**
 * Look whether the holder of that card said all of it, in that group.
 *
 * That the card is the user's, the evidence cannot prove: compare it with what the relay had.
 *
 * @param {unknown} evidence
 * @param {string} groupId
 * @param {string} userId
 * @throws {MalformedError | import("../primitives.js").ForgedError}
 */
export function checkEvidence(evidence, groupId, userId) {
  const said = /** @type {Evidence} */ (evidence);
  const isList = said?.protocol === PROTOCOL && Array.isArray(said.messages);
  if (!isList || said.groupId !== groupId || said.messages.length > MAX_MESSAGES) {
    throw new MalformedError("no evidence of that group");
  }
  const card = readStrangerCard(said.card, userId);
  /** @type {Uint8Array | null} */
  let last = null;
  return said.messages.map((message) => {
    const { head, hash, content } = openRevealed(placeOf(groupId), card, message);
    const isNext = last !== null && equal(last, head.previous);
    last = hash;
    return {
      id: head.messageId,
      number: head.number,
      sentMs: head.sentMs,
      kind: head.kind,
      content,
      isNext,
    };
  });
}

/**
 * @param {Uint8Array} place
 * @param {import("./cards.js").StrangerCard} card
 * @param {RevealedMessage} message
 */
function openRevealed(place, card, message) {
  const { id, envelope, key } = message ?? {};
  if (typeof id !== "string" || typeof key !== "string") throw new MalformedError("no message");
  const opened = readStrangerMessage(place, { id, encrypted: envelope }, card);
  const bytes = fromBase64url(key);
  if (bytes.length !== KEY_BYTES) throw new MalformedError("no key");
  return { head: opened.head, hash: opened.hash, content: opened.open(bytes) };
}
