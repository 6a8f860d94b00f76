// @ts-check
/** What a member tells of itself: to the relay, to come in and to come back, and to the others by its card. */

import { equal, toBase64url } from "../protocol/bytes.js";
import { makeCard } from "../protocol/card.js";
import { randomBytes } from "../protocol/primitives.js";

const TOKEN_BYTES = 32;

/** @typedef {import("./keeping.js").Me} Kept */

export class Me {
  #link;
  #identity;
  #hasJoined;
  #memberToken;
  #cardMs;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {string} name
   * @param {Kept | undefined} kept Of before a reload.
   */
  constructor(link, identity, name, kept) {
    this.#link = link;
    this.#identity = identity;
    this.#hasJoined = kept?.hasJoined ?? false;
    this.#memberToken = kept ? kept.memberToken : toBase64url(randomBytes(TOKEN_BYTES));
    this.#cardMs = kept?.cardMs ?? 0;
    this.name = name;
  }

  /** A card that is newer than all before: also if the clock was set back. */
  card() {
    this.#cardMs = Math.max(Date.now(), this.#cardMs + 1);
    return makeCard(this.#link, this.#identity, this.name, this.#cardMs);
  }

  /**
   * What the relay is told at joining. The first time it is told by which token to know us again: should
   * its answer be lost, the next time proves that we are the one who has come, and has made the session.
   *
   * @param {string} publicKey The card.
   * @param {number} since The newest of the session's log that has come.
   */
  joinPayload(publicKey, since) {
    const { id, memberId } = this.#identity;
    const isCreator = equal(memberId, this.#link.creator);
    return {
      userId: id,
      publicKey,
      authKey: this.#link.authKey,
      isCreator: isCreator && !this.#hasJoined,
      [this.#hasJoined ? "memberToken" : "newMemberToken"]: this.#memberToken,
      since,
    };
  }

  /** @param {string | null} memberToken By which the relay knows us again; null if it gave none. */
  joined(memberToken) {
    // A relay that does not know of tokens of our own choice has given another, or none.
    this.#memberToken = memberToken ?? (this.#hasJoined ? this.#memberToken : null);
    this.#hasJoined = true;
  }

  /** @returns {Kept} For after a reload. */
  export() {
    return {
      identity: this.#identity.export(),
      name: this.name,
      fragment: this.#link.fragment,
      hasJoined: this.#hasJoined,
      memberToken: this.#memberToken,
      cardMs: this.#cardMs,
    };
  }
}
