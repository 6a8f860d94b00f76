// @ts-check
/** A session as the page has it: everything that is drawn is a signal here. */

import { signal } from "../vendor/preact.js";
import { Announcer } from "./announcer.js";
import { Attachments } from "./attachments.js";
import { Crowd } from "./crowd.js";
import { Log } from "./log.js";
import { Reading } from "./reading.js";

const NOTE_MS = 5_000;
const TYPING_AGAIN_MS = 3_000;
const TYPING_ENDS_MS = 5_000;
const QUIET = new Set(["arrived", "left", "lost", "heard-again", "trimmed", "removed"]);

/**
 * @typedef {import("../client/session.js").Session} Session
 * @typedef {import("../client/entries.js").Entry} Entry
 * @typedef {import("../client/entries.js").MessageEntry} MessageEntry
 * @typedef {{state: import("../client/member.js").State, reason: string | null}} Standing
 */

export class Conversation {
  log = new Log((entries) => this.#taken(entries));
  reading = new Reading();
  standing;
  isLocked;
  /** Whom the next message is for: somebody's id, or null for everybody. */
  audience = signal(/** @type {string | null} */ (null));
  /** How many messages have been caught up; null if that is old news. */
  caughtUp = signal(/** @type {number | null} */ (null));
  #arrived = 0;
  #hasBeenHere = false;
  #isPeopleDue = false;
  #typingSince = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typingEnd;
  #forget;

  /**
   * @param {Session} session
   * @param {{isKept: import("../vendor/preact.js").Signal<boolean> | null, forget: () => Promise<void>}} keeping
   *   `isKept` is null where the browser keeps nothing; else whether a reload takes nothing away.
   */
  constructor(session, { isKept, forget }) {
    this.session = session;
    this.isKept = isKept;
    this.#forget = forget;
    this.crowd = new Crowd(session);
    this.attachments = new Attachments(session);
    this.announcer = new Announcer((id) => this.crowd.person(id).label);
    this.standing = signal(/** @type {Standing} */ ({ state: session.state, reason: null }));
    this.isLocked = signal(session.isLocked);
    session.on("entry", (entry) => {
      this.log.add(entry);
      this.attachments.notice(entry);
    });
    session.on("state", (standing) => this.#changed(standing));
    session.on("people", () => this.#peopleSoon());
    session.on("locked", () => {
      this.isLocked.value = session.isLocked;
    });
    this.crowd.update();
  }

  /** @param {string} text */
  say(text) {
    this.setTyping(false);
    this.reading.answered();
    this.session.sendText(text, this.audience.peek());
  }

  /** @param {Iterable<File>} files */
  sendFiles(files) {
    this.reading.answered();
    void this.attachments.send(files, this.audience.peek());
  }

  /**
   * Somebody writes here, or no longer. Of private messages nobody is told.
   *
   * @param {boolean} isTyping
   */
  setTyping(isTyping) {
    clearTimeout(this.#typingEnd);
    const isTold = this.#typingSince > 0;
    if (!isTyping || this.audience.peek()) {
      this.#typingSince = 0;
      if (isTold) void this.session.setTyping(false);
      return;
    }
    this.#typingEnd = setTimeout(() => this.setTyping(false), TYPING_ENDS_MS);
    if (performance.now() - this.#typingSince < TYPING_AGAIN_MS && isTold) return;
    this.#typingSince = performance.now();
    void this.session.setTyping(true);
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
    await this.#forget();
  }

  /** @param {Standing} standing */
  #changed(standing) {
    if (standing.state === "catching-up") this.#arrived = 0;
    if (standing.state === "connected") this.#isThere();
    if (standing.state === "ended") this.log.flush();
    this.standing.value = standing;
    this.crowd.update();
  }

  #isThere() {
    this.log.flush();
    if (this.#hasBeenHere) {
      const count = this.#arrived;
      this.caughtUp.value = count;
      setTimeout(() => {
        if (this.caughtUp.peek() === count) this.caughtUp.value = null;
      }, NOTE_MS);
    }
    this.#hasBeenHere = true;
  }

  /** Of a roomful of people each may change in one moment. */
  #peopleSoon() {
    if (this.#isPeopleDue) return;
    this.#isPeopleDue = true;
    setTimeout(() => {
      this.#isPeopleDue = false;
      this.crowd.update();
    }, 30);
  }

  /** @param {readonly Entry[]} entries */
  #taken(entries) {
    const messages = entries.filter(
      (entry) => entry.type === "message" && entry.senderId !== this.session.id,
    );
    this.#arrived += messages.length;
    if (!this.#hasBeenHere) return;
    this.reading.take(messages.map(({ id }) => id));
    this.announcer.take(entries.filter((entry) => this.#isWorthSaying(entry)));
  }

  /** @param {Entry} entry */
  #isWorthSaying(entry) {
    if (entry.type === "notice") return entry.code !== "trimmed";
    return entry.status === "received" && entry.senderId !== this.session.id;
  }
}

/**
 * Whether a notice tells of everyday things, and not of something wrong.
 *
 * @param {string} code
 */
export function isQuiet(code) {
  return QUIET.has(code);
}
