// @ts-check
/** What a member tells of itself: to the relay, to come in and to come back, and to the others by its card. */

import { equal } from "../protocol/bytes.js";
import { makeCard } from "../protocol/card.js";

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
    this.#memberToken = kept?.memberToken ?? null;
    this.#cardMs = kept?.cardMs ?? 0;
    this.name = name;
  }

  /** A card that is newer than all before: also if the clock was set back. */
  card() {
    this.#cardMs = Math.max(Date.now(), this.#cardMs + 1);
    return makeCard(this.#link, this.#identity, this.name, this.#cardMs);
  }

  /**
   * What the relay is told at joining.
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
      memberToken: this.#memberToken,
      since,
    };
  }

  /** @param {string | null} memberToken By which the relay knows us again; null if it gave none. */
  joined(memberToken) {
    this.#hasJoined = true;
    this.#memberToken = memberToken ?? this.#memberToken;
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
