// @ts-check
/** A talk of any kind as the page has it, of a session or among strangers: all that is drawn is a signal here. */

import { signal } from "../vendor/preact.js";
import { Announcer } from "./announcer.js";
import { Log } from "./log.js";
import { Reading } from "./reading.js";

const NOTE_MS = 5_000;
const TYPING_AGAIN_MS = 3_000;
const TYPING_ENDS_MS = 5_000;
const QUIET = new Set(["arrived", "left", "lost", "heard-again", "trimmed", "removed"]);

/**
 * @typedef {import("../client/entries.js").Entry} Entry
 * @typedef {import("../client/entries.js").MessageEntry} MessageEntry
 * @typedef {{state: import("../client/member.js").State, reason: string | null}} Standing
 *
 * What a talk goes over.
 *
 * @typedef {object} Line
 * @property {string} selfId
 * @property {(text: string, audience: string | null) => void} say
 * @property {(entry: MessageEntry) => void} retry A message that failed.
 * @property {(isTyping: boolean) => void} type
 * @property {(personId: string) => string[] | null} safetyNumber
 * @property {(personId: string, isVerified: boolean) => void} setVerified
 */

export class Exchange {
  log = new Log((entries) => this.#taken(entries));
  reading = new Reading();
  standing = signal(/** @type {Standing} */ ({ state: "connecting", reason: null }));
  /** Whom the next message is for: somebody's id, or null for everybody. */
  audience = signal(/** @type {string | null} */ (null));
  /** How many messages have been caught up; null if that is old news. */
  caughtUp = signal(/** @type {number | null} */ (null));
  /** @type {import("./attachments.js").Attachments | null} Null where no files can be sent. */
  attachments = null;
  /** Whether one can write to one person alone. */
  hasPrivate = false;
  #arrived = 0;
  #hasBeenHere = false;
  #isPeopleDue = false;
  #typingSince = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typingEnd;

  /**
   * @param {Line} line
   * @param {import("./crowd.js").Crowd} crowd
   */
  constructor(line, crowd) {
    this.line = line;
    this.crowd = crowd;
    this.announcer = new Announcer((id) => crowd.person(id).label);
    crowd.update();
  }

  /** @param {string} text */
  say(text) {
    this.setTyping(false);
    this.reading.answered();
    this.line.say(text, this.audience.peek());
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
      if (isTold) this.line.type(false);
      return;
    }
    this.#typingEnd = setTimeout(() => this.setTyping(false), TYPING_ENDS_MS);
    if (performance.now() - this.#typingSince < TYPING_AGAIN_MS && isTold) return;
    this.#typingSince = performance.now();
    this.line.type(true);
  }

  /**
   * Take how the connection is.
   *
   * @param {Standing} standing
   */
  stand(standing) {
    const { state } = standing;
    if (state === "catching-up" || state === "reconnecting") this.#arrived = 0;
    if (state === "connected") this.#isThere();
    if (state === "ended") this.log.flush();
    this.standing.value = standing;
    this.crowd.update();
  }

  /** Of a roomful of people each may change in one moment. */
  peopleSoon() {
    if (this.#isPeopleDue) return;
    this.#isPeopleDue = true;
    setTimeout(() => {
      this.#isPeopleDue = false;
      this.crowd.update();
    }, 30);
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

  /** @param {readonly Entry[]} entries */
  #taken(entries) {
    const messages = entries.filter(
      (entry) => entry.type === "message" && entry.senderId !== this.line.selfId,
    );
    this.#arrived += messages.length;
    if (!this.#hasBeenHere) return;
    this.reading.take(messages.map(({ id }) => id));
    this.announcer.take(entries.filter((entry) => this.#isWorthSaying(entry)));
  }

  /** @param {Entry} entry */
  #isWorthSaying(entry) {
    if (entry.type === "notice") return entry.code !== "trimmed";
    return entry.status === "received" && entry.senderId !== this.line.selfId;
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
