// @ts-check
/** The members of a session, as a crowd wants to know them. */

import { fromBase64url } from "../protocol/bytes.js";
import { PLAIN } from "./crowd.js";

/**
 * @typedef {import("./crowd.js").Facts} Facts
 * @typedef {import("../client/session.js").Session} Session
 * @typedef {import("../client/roster.js").Person} Person
 */

/**
 * @param {Session} session
 * @returns {import("./crowd.js").Members}
 */
export function membersOf(session) {
  return {
    selfId: session.id,
    all: () => session.people.map((person) => factsOf(session, person.id, person)),
    one: (id) =>
      factsOf(
        session,
        id,
        session.people.find((person) => person.id === id),
      ),
    typing: () => session.people.filter(({ isTyping }) => isTyping).map(({ id }) => id),
  };
}

/**
 * @param {Session} session
 * @param {string} id
 * @param {Person | undefined} person
 * @returns {Facts}
 */
function factsOf(session, id, person) {
  const isYou = id === session.id;
  return {
    ...PLAIN,
    id,
    said: isYou ? session.name : person?.card?.name,
    mark: markOf(id),
    isYou,
    isCreator: id === session.creatorId,
    isPresent: isYou || Boolean(person?.isPresent),
    isSilent: Boolean(person?.isSilent),
    isRefused: !isYou && !person?.card,
    hasBadCard: Boolean(person?.card && person.refusal),
    isRemoved: Boolean(person?.isRemoved),
    isVerified: Boolean(person?.isVerified),
  };
}

/**
 * Ten digits of a member id: who wants the same would have to try keys for months.
 *
 * @param {string} id
 */
export function markOf(id) {
  try {
    const digits = [...fromBase64url(id)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
    return `${digits.slice(0, 5)} ${digits.slice(5, 10)}`;
  } catch {
    return "?"; // No member of ours has such an id.
  }
}
