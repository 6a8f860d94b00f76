// @ts-check
/** A session as the page has it. */

import { signal } from "../vendor/preact.js";
import { Attachments } from "./attachments.js";
import { Crowd } from "./crowd.js";
import { Exchange } from "./exchange.js";
import { membersOf } from "./members.js";

/**
 * @typedef {import("../client/session.js").Session} Session
 */

export class Conversation extends Exchange {
  isLocked;
  hasPrivate = true;
  #forget;

  /**
   * @param {Session} session
   * @param {{isKept: import("../vendor/preact.js").Signal<boolean> | null, forget: () => Promise<void>}} keeping
   *   `isKept` is null where the browser keeps nothing; else whether a reload takes nothing away.
   */
  constructor(session, { isKept, forget }) {
    super(lineOf(session), new Crowd(membersOf(session)));
    this.session = session;
    this.isKept = isKept;
    this.#forget = forget;
    this.attachments = new Attachments(session);
    this.standing.value = { state: session.state, reason: null };
    this.isLocked = signal(session.isLocked);
    session.on("entry", (entry) => {
      this.log.add(entry);
      this.attachments.notice(entry);
    });
    session.on("state", (standing) => this.stand(standing));
    session.on("people", () => this.peopleSoon());
    session.on("locked", () => {
      this.isLocked.value = session.isLocked;
    });
  }

  /** @param {Iterable<File>} files */
  sendFiles(files) {
    this.reading.answered();
    void this.attachments.send(files, this.audience.peek());
  }

  /** @param {string} name */
  async rename(name) {
    // Without a connection it goes with the next one.
    await this.session.rename(name).catch(() => {});
    this.crowd.update();
  }

  /** Leave for good, and forget everything. */
  async leave() {
    await this.session.leave();
    await this.forget();
  }

  /** Forget everything of it on this device. */
  async forget() {
    this.log.clear();
    this.reading.end();
    await this.#forget();
  }
}

/**
 * @param {Session} session
 * @returns {import("./exchange.js").Line}
 */
function lineOf(session) {
  return {
    selfId: session.id,
    say: (text, audience) => void session.sendText(text, audience),
    retry: (entry) => session.retry(entry),
    type: (isTyping) => void session.setTyping(isTyping),
    safetyNumber: (personId) => session.safetyNumber(personId),
    setVerified: (personId, isVerified) => session.setVerified(personId, isVerified),
  };
}
