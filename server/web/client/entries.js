// @ts-check
/** What a conversation shows: messages, and notices of what happened or went wrong. */

import { fromBase64url, wellFormed } from "../protocol/bytes.js";
import { readFileNote } from "../protocol/chunks.js";
import { MEMBER_ID_BYTES } from "../protocol/identity.js";

export const MAX_TEXT_CHARS = 16_000;

/**
 * A message. Entries are never changed: a new one with the same id takes the place of the old.
 *
 * @typedef {object} MessageEntry
 * @property {"message"} type
 * @property {string} id The message id, or one of its own where something else has that.
 * @property {string} senderId
 * @property {string | null} audience Who alone may read it; null for everybody.
 * @property {number} sentMs By the sender's clock, or the relay's if it cannot be read.
 * @property {"sending" | "sent" | "failed" | "received" | "waiting" | "refused" | "unreadable"} status
 *   `waiting` for a key; `refused` if it is not what it claims to be; `unreadable` if it is not for us or of a newer version.
 * @property {string | null} reason Why it failed, is refused or unreadable: a code.
 * @property {boolean} isLate It came after later ones of its sender.
 * @property {Content | null} content
 *
 * @typedef {{kind: "text", text: string} | {kind: "file", file: import("../protocol/chunks.js").FileNote} | {kind: "remove", member: string}} Content
 */

/**
 * Something that is no message.
 *
 * @typedef {object} NoticeEntry
 * @property {"notice"} type
 * @property {string} id
 * @property {NoticeCode} code
 * @property {string | null} memberId Whom it is about.
 * @property {number} atMs By our clock.
 * @property {number} count Of messages, where it is about some.
 *
 * @typedef {"arrived" | "left" | "lost" | "removed" | "missing" | "trimmed" | "forked" | "repeated" | "card-refused" | "forged" | "silent" | "heard-again" | "rolled-back" | "key-changed" | "split" | "behind"} NoticeCode
 * @typedef {MessageEntry | NoticeEntry} Entry
 */

/**
 * What an opened message says.
 *
 * @param {string} kind
 * @param {unknown} said
 * @returns {Content | null} Null if this version cannot read it.
 */
export function readContent(kind, said) {
  const value = /** @type {Record<string, unknown>} */ (said ?? {});
  try {
    if (kind === "text" && isText(value.text)) return { kind, text: wellFormed(value.text) };
    if (kind === "file") return { kind, file: readFileNote(value.file) };
    if (kind === "remove" && isMemberId(value.member)) return { kind, member: value.member };
  } catch {
    // Not of the form that it has in this version.
  }
  return null;
}

/**
 * @param {unknown} text
 * @returns {text is string}
 */
export function isText(text) {
  return typeof text === "string" && text.length > 0 && [...text].length <= MAX_TEXT_CHARS;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isMemberId(value) {
  return typeof value === "string" && fromBase64url(value).length === MEMBER_ID_BYTES;
}
