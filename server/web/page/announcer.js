// @ts-check
/** What is read out to those who do not see: some of it, never a flood. */

import { signal } from "../vendor/preact.js";
import { isolated } from "./clean.js";
import { texts } from "./texts.js";

const PAUSE_MS = 1_500;
const MAX_CHARS = 280;

/**
 * @typedef {import("../client/entries.js").MessageEntry} MessageEntry
 * @typedef {import("../client/entries.js").NoticeEntry} NoticeEntry
 */

export class Announcer {
  /** Shown to screen readers. */
  said = signal("");
  #labelOf;
  /** @type {(MessageEntry | NoticeEntry)[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(memberId: string) => string} labelOf */
  constructor(labelOf) {
    this.#labelOf = labelOf;
  }

  /** @param {readonly (MessageEntry | NoticeEntry)[]} entries Of others, just come. */
  take(entries) {
    if (entries.length === 0) return;
    this.#waiting.push(...entries);
    this.#timer ??= setTimeout(() => this.#say(), PAUSE_MS / 5);
  }

  #say() {
    const entries = this.#waiting.splice(0);
    const last = entries.at(-1);
    if (last) this.said.value = this.#sentence(entries, last);
    this.#timer = last && setTimeout(() => this.#say(), PAUSE_MS);
  }

  /**
   * @param {(MessageEntry | NoticeEntry)[]} entries
   * @param {MessageEntry | NoticeEntry} last
   */
  #sentence(entries, last) {
    const messages = entries.filter((entry) => entry.type === "message");
    const newest = messages.at(-1);
    if (last.type === "notice" || !newest) return this.#notice(/** @type {any} */ (last));
    const name = this.#labelOf(newest.senderId);
    return messages.length > 1
      ? texts.announce.several(messages.length, name)
      : texts.announce.said(audible(newest, name), contentOf(newest));
  }

  /** @param {NoticeEntry} notice */
  #notice({ code, memberId, count }) {
    return texts.notices[code]?.(memberId ? this.#labelOf(memberId) : "", count) ?? "";
  }
}

/**
 * @param {MessageEntry} entry
 * @param {string} name
 */
function audible({ audience }, name) {
  return audience ? `${name}, ${texts.announce.private}` : name;
}

/** @param {MessageEntry} entry */
function contentOf({ content }) {
  if (content?.kind === "text") return content.text.slice(0, MAX_CHARS);
  if (content?.kind === "file") return texts.announce.file(isolated(content.file.name));
  return "";
}
