// @ts-check
/** What was read: how many messages were not, and where the new ones begin. */

import { effect, signal } from "../vendor/preact.js";
import { texts } from "./texts.js";

export class Reading {
  unread = signal(0);
  /** The id of the first new message, until somebody answers. */
  divider = signal(/** @type {string | null} */ (null));
  /** Whether the end of the conversation is in view. The list tells. */
  isAtEnd = signal(true);
  /** How often somebody has answered. */
  answers = signal(0);

  #end;

  constructor() {
    const endTitle = effect(() => {
      document.title = texts.documentTitle(this.unread.value);
    });
    const look = () => this.look();
    document.addEventListener("visibilitychange", look);
    this.#end = () => {
      endTitle();
      document.removeEventListener("visibilitychange", look);
    };
  }

  /** Nothing more will come. */
  end() {
    this.unread.value = 0;
    this.#end();
  }

  /**
   * Messages of others have come.
   *
   * @param {readonly string[]} ids
   */
  take(ids) {
    if (ids.length === 0 || this.#isLooking) return;
    if (this.unread.peek() === 0) this.divider.value = ids[0];
    this.unread.value += ids.length;
  }

  /** @param {boolean} isAtEnd */
  setAtEnd(isAtEnd) {
    this.isAtEnd.value = isAtEnd;
    this.look();
  }

  /** Whoever sees the end has read all. */
  look() {
    if (this.#isLooking) this.unread.value = 0;
  }

  /** Whoever answers has no need to be told where the new ones began, and wants to see the answer. */
  answered() {
    this.answers.value += 1;
    this.unread.value = 0;
    this.divider.value = null;
  }

  get #isLooking() {
    return !document.hidden && this.isAtEnd.peek();
  }
}
