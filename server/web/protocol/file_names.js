// @ts-check
/** Names of files, in the one form in which they are sent, shown and saved. docs/PROTOCOL.md, section 10. */

import { wellFormed } from "./bytes.js";

export const MAX_NAME_CHARS = 255;
export const MAX_TYPE_CHARS = 127;

const INSTEAD = "_";
const NAMELESS = "file";

/** What leads elsewhere, or is not seen and turns or hides what is. */
const NOWHERE =
  /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"*/:<>?\\|]/gu;
const NOT_AT_THE_ENDS = /^[.\p{Zs}]|[.\p{Zs}]$/gu;
/** Devices of Windows, whatever ending stands behind. */
const RESERVED = /^(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/iu;
const TYPE = /^[ -~]*$/;

/**
 * A name as others may be shown it, and save it. Of what is one already, nothing changes.
 *
 * @param {string} text The end of it counts, where a program looks for what it is.
 */
export function fileName(text) {
  const end = [...wellFormed(text)].slice(-MAX_NAME_CHARS).join("");
  const name = end.replace(NOWHERE, INSTEAD).replace(NOT_AT_THE_ENDS, INSTEAD);
  return name.replace(RESERVED, (found) => INSTEAD + found.slice(1)) || NAMELESS;
}

/**
 * A media type; nothing if it cannot be one.
 *
 * @param {string} text
 */
export function fileType(text) {
  return TYPE.test(text) && text.length <= MAX_TYPE_CHARS ? text : "";
}
