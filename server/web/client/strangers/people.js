// @ts-check
/** Who is in a group: whose card was seen first, and who shows another one since. PROTOCOL.md, section 15. */

import { equal } from "../../protocol/bytes.js";
import { NO_BYTES } from "../../protocol/primitives.js";
import { readStrangerCard } from "../../protocol/strangers/cards.js";

/** Of people who have gone, so many are remembered with what was pinned. */
const MAX_GONE = 1_000;

/**
 * @typedef {import("../../protocol/strangers/cards.js").StrangerCard} StrangerCard
 *
 * @typedef {object} Stranger
 * @property {string} userId
 * @property {string} name A pseudonym: of its card, or the relay's word if there is none.
 * @property {boolean} isSelf
 * @property {boolean} isPresent
 * @property {StrangerCard | null} card The one that is pinned.
 * @property {boolean} isChanged The relay shows other keys than those that are pinned: nothing is sent to it, what comes waits.
 * @property {string | null} refusal Why what the relay shows is no card that can be accepted.
 * @property {boolean} isHeard It has proved in this group that it has the keys.
 * @property {boolean} isBehind It speaks as if somebody were there who has left.
 * @property {boolean} isBlocked
 * @property {boolean} isVerified
 *
 * @typedef {{userId: string, login: string, text: string | null, card: StrangerCard | null, refusal: string | null}} Seen
 */

export class People {
  /** @type {Map<string, Stranger>} */
  #people = new Map();
  /** @type {Map<string, Seen>} What the relay shows now, by user id. */
  #shown = new Map();

  /** @param {StrangerCard} self One's own card. */
  constructor(self) {
    this.self = self;
  }

  /** @returns {readonly Stranger[]} Oneself too, and who has gone. */
  get all() {
    return [...this.#people.values()];
  }

  /** @param {string} userId */
  get(userId) {
    return this.#people.get(userId) ?? null;
  }

  /**
   * Whether the relay shows one's own card as one's own.
   *
   * @param {Seen[]} seen
   */
  isOurselves(seen) {
    const card = seen.find(({ userId }) => userId === this.self.userId)?.card;
    return card ? equal(card.memberId, this.self.memberId) : false;
  }

  /** Those whom a sender encrypts to. */
  get recipients() {
    return this.all.flatMap((one) => {
      const isRecipient =
        one.isPresent && !one.isSelf && !one.isChanged && !one.refusal && !one.isBlocked;
      return isRecipient && one.card ? [one.card] : [];
    });
  }

  /**
   * Read the relay's list of who is there; nothing of it counts before `update`.
   *
   * @param {import("./told.js").ToldMember[]} members
   * @returns {Seen[]} One for each user.
   */
  read(members) {
    const one = new Map(members.map((member) => [member.userId, member]));
    return [...one.values()].map(({ userId, login, publicKey }) => {
      const before = this.#shown.get(userId);
      const isSame = before !== undefined && before.text === publicKey;
      const read = isSame ? before : readCard(publicKey, userId);
      return { userId, login, text: publicKey, card: read.card, refusal: read.refusal };
    });
  }

  /**
   * @param {Seen[]} seen
   * @returns {Stranger[]} Who shows other keys now than what is pinned.
   */
  update(seen) {
    for (const person of this.#people.values()) person.isPresent = false;
    this.#shown = new Map(seen.map((one) => [one.userId, one]));
    const changed = seen.filter((one) => this.#see(one));
    this.#forgetSome();
    return changed.flatMap(({ userId }) => this.get(userId) ?? []);
  }

  /**
   * Believe the card that is shown now.
   *
   * @param {string} userId
   * @returns {boolean} Whether there was a change to believe.
   */
  trust(userId) {
    const person = this.#people.get(userId);
    const card = this.#shown.get(userId)?.card;
    if (!person?.isChanged || !card) return false;
    Object.assign(person, { card, name: card.login, isChanged: false });
    Object.assign(person, { isVerified: false, isHeard: false, isBehind: false });
    return true;
  }

  /**
   * @param {Seen} seen
   * @returns {boolean} Whether it has just changed.
   */
  #see({ userId, login, card, refusal }) {
    const person = this.#someone(userId, login);
    const wasChanged = person.isChanged;
    person.isPresent = true;
    person.refusal = refusal;
    if (!person.card && card) {
      person.card = card;
      person.name = card.login;
    }
    const isSame = card && person.card && equal(card.memberId, person.card.memberId);
    person.isChanged = Boolean(person.card) && !isSame;
    return person.isChanged && !wasChanged;
  }

  /**
   * @param {string} userId
   * @param {string} login
   * @returns {Stranger}
   */
  #someone(userId, login) {
    const known = this.#people.get(userId);
    if (known) return known;
    const isSelf = userId === this.self.userId;
    const flags = { isPresent: false, isChanged: false, isHeard: isSelf, isBehind: false };
    const ours = { isBlocked: false, isVerified: false };
    const person = { userId, name: login, isSelf, card: null, refusal: null, ...flags, ...ours };
    this.#people.set(userId, person);
    return person;
  }

  #forgetSome() {
    const gone = this.all.filter(({ isPresent }) => !isPresent);
    for (const { userId } of gone.slice(0, -MAX_GONE)) this.#people.delete(userId);
  }
}

/**
 * All whom the relay shows, as the hash of the members has them.
 *
 * @param {Seen[]} seen
 */
export function entriesOf(seen) {
  return seen.map(({ userId, card }) => ({ userId, memberId: card?.memberId ?? NO_BYTES }));
}

/**
 * @param {string | null} text
 * @param {string} userId
 * @returns {{card: StrangerCard | null, refusal: string | null}}
 */
function readCard(text, userId) {
  try {
    return { card: readStrangerCard(text, userId), refusal: null };
  } catch (error) {
    return { card: null, refusal: error instanceof Error ? error.message : "no card" };
  }
}
