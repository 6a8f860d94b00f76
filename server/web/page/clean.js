// @ts-check
/** Names and texts of others, made fit to be shown: they may hold anything. */

/** Characters that are not seen but turn or hide others, and all that control. */
const UNSEEN =
  /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/gu;
const ADDRESS = /\bhttps?:\/\/[^\s<>"\p{Cc}\u202a-\u202e\u2066-\u2069]+/giu;
const TRAILING = /[.,;:!?)\]}'*_]+$/u;
const MAX_LINKS = 100;
const MAX_ENDING_CHARS = 10;

/**
 * One line, without characters that would turn its surroundings.
 *
 * @param {string} text
 */
export function oneLine(text) {
  return text.replace(UNSEEN, " ").replace(/\s+/gu, " ").trim();
}

/**
 * For use inside of a sentence: a name from right to left leaves the sentence as it is.
 *
 * @param {string} text
 */
export function isolated(text) {
  return `\u2068${oneLine(text)}\u2069`;
}

/**
 * A file's name in two parts, of which the second is always to be seen: it says what opens it.
 *
 * @param {string} name
 * @returns {{stem: string, ending: string}} The ending with its dot, or empty.
 */
export function fileParts(name) {
  const line = oneLine(name.replace(/[/\\]/gu, "_")) || "file";
  const dot = line.lastIndexOf(".");
  const hasEnding = dot > 0 && line.length - dot - 1 <= MAX_ENDING_CHARS && dot < line.length - 1;
  return hasEnding
    ? { stem: line.slice(0, dot), ending: line.slice(dot) }
    : { stem: line, ending: "" };
}

/**
 * Under which name a file is saved.
 *
 * @param {string} name
 */
export function savedName(name) {
  const { stem, ending } = fileParts(name);
  return `${stem.replace(/^\.+/u, "") || "file"}${ending}`;
}

/**
 * A text, cut where web addresses stand in it.
 *
 * @param {string} text
 * @returns {(string | {href: string, shown: string})[]}
 */
export function linkParts(text) {
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    if (parts.length > 2 * MAX_LINKS) break;
    const shown = found[0].replace(TRAILING, "");
    if (!isPlainAddress(shown)) continue;
    parts.push(text.slice(at, found.index), { href: shown, shown });
    at = found.index + shown.length;
  }
  return [...parts, text.slice(at)];
}

/**
 * An address that leads where it seems to: `https://bank.example@elsewhere` does not.
 *
 * @param {string} text
 */
function isPlainAddress(text) {
  const url = URL.parse?.(text) ?? null;
  return url !== null && /^https?:$/u.test(url.protocol) && !url.username && !url.password;
}
