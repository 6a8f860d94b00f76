// @ts-check
/** Names and texts of others, made fit to be shown: they may hold anything. */

/** Characters that are not seen but turn or hide others, and all that control. */
const UNSEEN =
  /\u034f|[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0]/gu;
/** What is not seen for itself: joiners and forms of pictures, and signs on letters. */
const UNSEEN_ALONE = /[\p{Default_Ignorable_Code_Point}\p{M}\s]/gu;
/** Letters of other scripts that look like these of the Latin one, in small letters. */
const LIKE = new Map(
  Object.entries({
    a: "аɑα",
    b: "вЬьβ",
    c: "сϲ",
    d: "ԁ",
    e: "еєε",
    g: "ɡ",
    h: "һн",
    i: "іıιl1|ӏ",
    j: "јϳ",
    k: "кκ",
    m: "мϻ",
    n: "ոηп",
    o: "оοσ0օ",
    p: "рρ",
    q: "ԛզ",
    r: "гᴦ",
    s: "ѕ",
    t: "тτ",
    u: "υսц",
    v: "ѵν",
    w: "ԝωш",
    x: "хχ",
    y: "уγү",
    z: "ᴢ",
  }).flatMap(([letter, others]) => [...others].map((other) => [other, letter])),
);
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
 * What two names have in common that look the same, or nearly.
 *
 * @param {string} name
 */
export function lookOf(name) {
  const plain = name.normalize("NFKD").replace(UNSEEN_ALONE, "").toLowerCase();
  return [...plain].map((char) => LIKE.get(char) ?? char).join("");
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
