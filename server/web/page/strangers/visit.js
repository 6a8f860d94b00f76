// @ts-check
/** One's time among strangers: one group after the other, and the way out. */

import { addressIn } from "../../client/address.js";
import { RelayError } from "../../client/relay.js";
import { Strangers } from "../../client/strangers/strangers.js";
import { signal } from "../../vendor/preact.js";
import { noteLeaving, noteVisit } from "../pseudonym.js";
import { GroupTalk } from "./group_talk.js";

/** Of the relay: where the page is, which a proxy may have put into a folder. */
const url = new URL(".", location.href).href;

/** With these the relay says that it does not know us any more; whoever wants to go on is somebody new. */
const UNKNOWN_TO_RELAY = new Set(["token_expired", "unauthenticated"]);

/** So long it is waited for the relay to hear that one leaves. */
const GOODBYE_MS = 1_500;

export class Visit {
  /** The group where one is, or was last. */
  talk = signal(/** @type {GroupTalk | null} */ (null));
  /** Why something that was wanted was not done, as a code. */
  problem = signal(/** @type {string | null} */ (null));
  /** Whether another group is being looked for. */
  isMoving = signal(false);
  #login;
  /** @type {Strangers | null} */
  #strangers = null;

  /** @param {string} login */
  constructor(login) {
    this.#login = login;
  }

  /**
   * Come into a first group.
   *
   * @param {string} login The pseudonym.
   * @returns {Promise<Visit>}
   * @throws {RelayError | import("../../client/relay.js").OfflineError}
   */
  static async begin(login) {
    const visit = new Visit(login);
    try {
      await visit.#meet();
    } catch (error) {
      visit.#strangers?.close();
      throw error;
    }
    noteVisit(login);
    addEventListener("pagehide", visit.#leaveWithPage);
    return visit;
  }

  /** Leave for other people. */
  async next() {
    await this.attempt(async () => this.#show(await this.#current.group.next()), true);
  }

  /** Meet others, after a group has ended. */
  async again() {
    await this.attempt(() => this.#meetAnew(), true);
  }

  /** Leave for good. */
  async leave() {
    removeEventListener("pagehide", this.#leaveWithPage);
    noteLeaving();
    const { group } = this.#current;
    await Promise.race([group.leave(), new Promise((done) => setTimeout(done, GOODBYE_MS))]);
    this.#current.end();
    this.#strangers?.close();
  }

  /**
   * Do what may fail, and tell if it has.
   *
   * @param {() => Promise<void>} act
   * @param {boolean} [isMove]
   * @returns {Promise<boolean>} Whether it was done.
   */
  async attempt(act, isMove = false) {
    if (isMove && this.isMoving.peek()) return false;
    if (isMove) this.isMoving.value = true;
    this.problem.value = null;
    try {
      await act();
      return true;
    } catch (error) {
      this.problem.value = codeOf(error);
      return false;
    } finally {
      if (isMove) this.isMoving.value = false;
    }
  }

  get #current() {
    return /** @type {GroupTalk} */ (this.talk.peek());
  }

  async #meet() {
    this.#strangers ??= await Strangers.enter({ url, login: this.#login });
    this.#show(await this.#strangers.meet());
  }

  async #meetAnew() {
    try {
      await this.#meet();
    } catch (error) {
      if (!(error instanceof RelayError && UNKNOWN_TO_RELAY.has(error.code))) throw error;
      this.#strangers?.close();
      this.#strangers = null;
      await this.#meet();
    }
  }

  /** @param {import("../../client/strangers/group.js").Group} group */
  #show(group) {
    this.talk.peek()?.end();
    this.talk.value = new GroupTalk(group);
  }

  /** A page that goes has lost its keys: the others see at once that one has left. */
  #leaveWithPage = () => {
    const { group } = this.#current;
    if (group.state === "ended") return;
    void fetch(addressIn(url, `api/groups/${encodeURIComponent(group.id)}/leave`), {
      method: "POST",
      headers: { authorization: `Bearer ${this.#strangers?.token}` },
      keepalive: true,
    }).catch(() => {});
  };
}

/**
 * @param {unknown} error
 * @returns {string}
 */
export function codeOf(error) {
  return error instanceof RelayError ? error.code : "offline";
}
