// @ts-check
/** A group of strangers as the page has it. */

import { Crowd } from "../crowd.js";
import { Exchange } from "../exchange.js";
import { strangersOf } from "./members.js";
import { Typists } from "./typists.js";

const COMING_AND_GOING = new Set(["arrived", "left", "lost", "removed"]);
const STATES = /** @type {const} */ ({
  open: "connected",
  reconnecting: "reconnecting",
  ended: "ended",
});

/**
 * @typedef {import("../../client/entries.js").Entry} Entry
 * @typedef {import("../../client/strangers/group.js").Group} Group
 */

export class GroupTalk extends Exchange {
  /** When somebody has said something last, by our clock. */
  saidMs = Number.NEGATIVE_INFINITY;
  #typists;

  /** @param {Group} group */
  constructor(group) {
    const typists = new Typists();
    super(lineOf(group), new Crowd(strangersOf(group, typists)));
    this.group = group;
    this.#typists = typists;
    typists.changed = () => this.peopleSoon();
    group.on("entry", (entry) => this.#hear(entry));
    group.on("people", () => this.peopleSoon());
    group.on("typing", (told) => typists.take(told));
    group.on("state", ({ state, reason }) => this.#become(state, reason));
    this.stand({ state: STATES[group.state], reason: null });
  }

  /** It is not shown any more. */
  end() {
    this.#typists.end();
    this.reading.end();
  }

  /** @param {Entry} entry */
  #hear(entry) {
    if (entry.type === "message") {
      this.saidMs = Date.now();
      this.#typists.take({ userId: entry.senderId, isTyping: false });
    }
    this.log.add(shown(entry));
  }

  /**
   * @param {import("../../client/strangers/group.js").GroupState} state
   * @param {string | null} reason
   */
  #become(state, reason) {
    if (reason === "next") return; // The next one is about to be shown.
    this.stand({ state: STATES[state], reason });
  }
}

/**
 * An entry with what this page says of it besides.
 *
 * @param {Entry} entry
 * @returns {Entry}
 */
function shown(entry) {
  if (entry.type !== "notice") return entry;
  return /** @type {any} */ ({ ...entry, areKeysNew: COMING_AND_GOING.has(entry.code) });
}

/**
 * @param {Group} group
 * @returns {import("../exchange.js").Line}
 */
function lineOf(group) {
  return {
    selfId: group.userId,
    say: (text) => void group.send(text),
    retry: (entry) => group.retry(entry),
    type: (isTyping) => void group.typing(isTyping),
    safetyNumber: (personId) => group.safetyNumber(personId),
    setVerified: (personId, isVerified) => group.setVerified(personId, isVerified),
  };
}
