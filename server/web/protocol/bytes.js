// @ts-check
/** Byte strings: how fields become one string and come apart again. docs/PROTOCOL.md, section 1. */

/** What came is not what the protocol says. */
export class MalformedError extends Error {
  name = "MalformedError";
}

const LENGTH_BYTES = 4;
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BASE64URL = /^[A-Za-z0-9_-]*$/;
const BLOCK_BYTES = 0x8000;

/** @param {string} text */
export function utf8(text) {
  return ENCODER.encode(text);
}

/** @param {Uint8Array} bytes */
export function fromUtf8(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new MalformedError("not UTF-8");
  }
}

/**
 * A text that UTF-8 can hold: half a surrogate pair, as cutting a text leaves it, becomes U+FFFD.
 *
 * @param {string} text
 */
export function wellFormed(text) {
  return text.replace(/\p{Surrogate}/gu, "\uFFFD");
}

/** @param {Uint8Array[]} parts */
export function concat(...parts) {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Make one byte string of fields; texts in UTF-8.
 *
 * @param {(Uint8Array | string)[]} fields
 */
export function pack(...fields) {
  return concat(
    ...fields.flatMap((field) => {
      const bytes = typeof field === "string" ? utf8(field) : field;
      const length = new Uint8Array(LENGTH_BYTES);
      new DataView(length.buffer).setUint32(0, bytes.length);
      return [length, bytes];
    }),
  );
}

/**
 * Take the fields of `pack` apart again, however many there are.
 *
 * @param {Uint8Array} whole
 */
export function unpackAll(whole) {
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  const fields = [];
  for (let at = 0; at < whole.length; ) {
    const start = at + LENGTH_BYTES;
    const end = start <= whole.length ? start + view.getUint32(at) : Infinity;
    if (end > whole.length) throw new MalformedError("a field is cut off");
    fields.push(whole.subarray(start, end));
    at = end;
  }
  return fields;
}

/**
 * The same, of which there must be so many.
 *
 * @param {Uint8Array} whole
 * @param {number} count
 */
export function unpack(whole, count) {
  const fields = unpackAll(whole);
  if (fields.length !== count) throw new MalformedError(`${fields.length} fields for ${count}`);
  return fields;
}

/** @param {number} value 0 to 2^53 - 1 */
export function u64(value) {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`no u64: ${value}`);
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** @param {Uint8Array} bytes */
export function fromU64(bytes) {
  if (bytes.length !== 8) throw new MalformedError("a number has eight bytes");
  const value = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedError("a number is too large");
  return Number(value);
}

/** @param {Uint8Array} bytes */
export function toBase64url(bytes) {
  let binary = "";
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    binary += String.fromCharCode(...bytes.subarray(at, at + BLOCK_BYTES));
  }
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/**
 * Only what `toBase64url` can have written: there is one text for each byte string.
 *
 * @param {string} text
 */
export function fromBase64url(text) {
  if (!BASE64URL.test(text) || text.length % 4 === 1) throw new MalformedError("not base64url");
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  if (toBase64url(bytes.slice(-3 + ((3 - (bytes.length % 3)) % 3))).slice(-2) !== text.slice(-2)) {
    throw new MalformedError("not base64url: spare bits are set");
  }
  return bytes;
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 * @returns {number} Negative, 0 or positive, as `a` is before, equal to or after `b`.
 */
export function compare(a, b) {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    if (a[at] !== b[at]) return a[at] - b[at];
  }
  return a.length - b.length;
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function equal(a, b) {
  return compare(a, b) === 0;
}
