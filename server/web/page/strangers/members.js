// @ts-check
/** The members of a group of strangers, as a crowd wants to know them. */

import { toBase64url } from "../../protocol/bytes.js";
import { PLAIN } from "../crowd.js";
import { markOf } from "../members.js";

/**
 * @typedef {import("../../client/strangers/group.js").Group} Group
 * @typedef {import("../../client/strangers/people.js").Stranger} Stranger
 */

/**
 * @param {Group} group
 * @param {import("./typists.js").Typists} typists
 * @returns {import("../crowd.js").Members}
 */
export function strangersOf(group, typists) {
  const find = (/** @type {string} */ id) => group.people.find(({ userId }) => userId === id);
  return {
    selfId: group.userId,
    all: () => group.people.map((person) => factsOf(person.userId, person)),
    one: (id) => factsOf(id, find(id)),
    typing: () => typists.ids.filter((id) => find(id)?.isPresent && !find(id)?.isBlocked),
  };
}

/**
 * @param {string} id
 * @param {Stranger | undefined} person
 * @returns {import("../crowd.js").Facts}
 */
function factsOf(id, person) {
  const card = person?.card;
  return {
    ...PLAIN,
    id,
    said: person?.name,
    mark: card ? markOf(toBase64url(card.memberId)) : id.slice(-4),
    isYou: Boolean(person?.isSelf),
    isPresent: Boolean(person?.isPresent),
    isRefused: !card,
    isVerified: Boolean(person?.isVerified),
    isUnheard: Boolean(card && !person?.isHeard),
    isChanged: Boolean(person?.isChanged),
    isBehind: Boolean(person?.isBehind),
    isBlocked: Boolean(person?.isBlocked),
  };
}
