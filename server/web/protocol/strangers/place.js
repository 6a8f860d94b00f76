// @ts-check
/** Where strangers are: a group, and who is in it at a time. docs/PROTOCOL.md, sections 14 and 16. */

import { compare, pack } from "../bytes.js";
import { hash, label } from "../primitives.js";

/**
 * What all that is said in a group is bound to.
 *
 * @param {string} groupId As the relay names it.
 */
export function placeOf(groupId) {
  return hash(pack(label("strangers/group"), groupId));
}

/**
 * What stands for the members of a group at a time.
 *
 * @param {Uint8Array} place
 * @param {{userId: string, memberId: Uint8Array}[]} members In any order; with no bytes for the
 *   member id of somebody without an accepted card.
 */
export function membersHash(place, members) {
  const entries = members.map(({ userId, memberId }) => pack(userId, memberId));
  return hash(pack(label("strangers/members"), place, ...entries.toSorted(compare)));
}
