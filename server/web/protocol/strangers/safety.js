// @ts-check
/** Numbers that strangers compare on another way. docs/PROTOCOL.md, section 19. */

import { compare, pack } from "../bytes.js";
import { label, sha512 } from "../primitives.js";
import { digitsOf } from "../safety.js";

/**
 * Of two members.
 *
 * @param {Uint8Array} place
 * @param {Uint8Array} oneId
 * @param {Uint8Array} otherId
 */
export function pairNumber(place, oneId, otherId) {
  const ids = [oneId, otherId].toSorted(compare);
  return digitsOf(sha512(pack(label("strangers/safety"), place, ...ids)));
}

/**
 * Of a whole group: the same for all who see the same members.
 *
 * @param {Uint8Array} members As of `membersHash`.
 */
export function groupNumber(members) {
  return digitsOf(sha512(pack(label("strangers/safety-of-all"), members)));
}
