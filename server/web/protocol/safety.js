// @ts-check
/** Safety numbers, which two members compare on another way. docs/PROTOCOL.md, section 11. */

import { compare, pack } from "./bytes.js";
import { label, sha512 } from "./primitives.js";

const GROUPS = 12;
const GROUP_BYTES = 5;

/**
 * Twelve groups of five digits, the same for both.
 *
 * @param {import("./link.js").Link} link
 * @param {Uint8Array} oneId
 * @param {Uint8Array} otherId
 */
export function safetyNumber(link, oneId, otherId) {
  const [lower, higher] = [oneId, otherId].toSorted(compare);
  return digitsOf(sha512(pack(label("safety"), link.sessionId, lower, higher)));
}

/**
 * Twelve groups of five digits.
 *
 * @param {Uint8Array} bytes Of which the first sixty count.
 */
export function digitsOf(bytes) {
  return Array.from({ length: GROUPS }, (_, group) => {
    const at = group * GROUP_BYTES;
    const value = bytes.subarray(at, at + GROUP_BYTES).reduce((sum, byte) => sum * 256 + byte, 0);
    return String(value % 100_000).padStart(5, "0");
  });
}
