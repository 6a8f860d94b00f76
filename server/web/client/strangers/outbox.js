// @ts-check
/** What is said in a group: keys first, then messages, one after the other. docs/PROTOCOL.md, sections 17 and 18. */

import { equal, toBase64url } from "../../protocol/bytes.js";
import { NO_HASH } from "../../protocol/chain.js";
import { randomBytes } from "../../protocol/primitives.js";
import { KeyChain } from "../../protocol/strangers/chains.js";
import { makeKeys, makeWish } from "../../protocol/strangers/keys.js";
import { makeStrangerMessage } from "../../protocol/strangers/messages.js";
import { OfflineError, RelayError } from "../relay.js";

const MESSAGE_ID_BYTES = 16;
const KEPT_KEYS = 4;
const RETRY_MS = 1_000;

/**
 * @typedef {import("../entries.js").MessageEntry} MessageEntry
 * @typedef {{entry: MessageEntry, text: string}} Draft
 * @typedef {{encrypted: string, hash: Uint8Array, number: number}} Sealed
 *
 * @typedef {object} OutboxParts
 * @property {Uint8Array} place
 * @property {string} groupId
 * @property {import("../../protocol/identity.js").Identity} identity
 * @property {import("./people.js").People} people
 * @property {import("./epochs.js").Epochs} epochs
 * @property {import("./pace.js").GroupPace} pace
 * @property {import("./wire.js").Asker} wire
 * @property {() => boolean} isHeld Whether nothing is to be sent now.
 * @property {(entry: MessageEntry) => void} tell
 */

export class StrangerOutbox {
  #parts;
  /** @type {Draft[]} */
  #drafts = [];
  /** @type {KeyChain | null} */
  #chain = null;
  /** Whether the relay has the keys of the chain. */
  #areKeysSent = false;
  #recipients = "";
  /** @type {Map<string, string>} The last ones that were sent, by the id of their chain. */
  #sentKeys = new Map();
  /** @type {Map<string, number>} When keys were sent again, by asker and chain. */
  #answers = new Map();
  /** @type {Sealed | null} Of the first draft, while nobody knows whether the relay has it. */
  #unsettled = null;
  #number = 0;
  /** @type {Uint8Array} */
  #previous = NO_HASH;
  #isRunning = false;
  #isEnded = false;
  #isDue = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {OutboxParts} parts */
  constructor(parts) {
    this.#parts = parts;
  }

  /**
   * @param {string} text
   * @param {string} [id] Of a message that failed.
   * @returns {string} The message id.
   */
  send(text, id = toBase64url(randomBytes(MESSAGE_ID_BYTES))) {
    /** @type {MessageEntry} */
    const entry = {
      type: "message",
      id,
      senderId: this.#parts.people.self.userId,
      audience: null,
      sentMs: Date.now(),
      status: "sending",
      reason: null,
      isLate: false,
      content: { kind: "text", text },
    };
    this.#drafts.push({ entry, text });
    this.#parts.tell(entry);
    this.run();
    return id;
  }

  /** The members have changed: send new keys soon, once for several changes. */
  changed() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isDue = true;
      this.run();
    }, this.#parts.pace.settle);
  }

  /** Go on, now that something has changed. */
  run() {
    if (!this.#isRunning && !this.#isEnded) void this.#run();
  }

  /**
   * Send keys again to somebody who has not got them. They open for nobody else.
   *
   * @param {string} userId
   * @param {Uint8Array} chainId
   * @param {number} nowMs
   */
  answer(userId, chainId, nowMs) {
    const id = toBase64url(chainId);
    const encrypted = this.#sentKeys.get(id);
    const asked = `${id} ${userId}`;
    const beforeMs = this.#answers.get(asked) ?? -Infinity;
    if (!encrypted || nowMs - beforeMs < this.#parts.pace.answering) return;
    this.#answers.set(asked, nowMs);
    if (this.#answers.size > 200) this.#answers.delete(this.#answers.keys().next().value ?? "");
    this.#give(userId, encrypted);
  }

  /**
   * Ask somebody for keys.
   *
   * @param {string} userId
   * @param {Uint8Array} chainId
   */
  wish(userId, chainId) {
    this.#give(userId, makeWish(this.#parts.place, chainId));
  }

  /** @param {string} reason Of all that was not sent. */
  stop(reason) {
    this.#isEnded = true;
    clearTimeout(this.#timer);
    for (const { entry } of this.#drafts.splice(0)) {
      this.#parts.tell({ ...entry, status: "failed", reason });
    }
  }

  async #run() {
    this.#isRunning = true;
    try {
      while (!this.#isEnded && this.#hasWork()) await this.#step();
      if (this.#isCurrent()) this.#isDue = false;
    } catch (error) {
      // A connection that is lost calls `run` when it is there again.
      if (!(error instanceof OfflineError)) throw error;
    } finally {
      this.#isRunning = false;
    }
  }

  #hasWork() {
    const { isHeld, wire } = this.#parts;
    if (!wire.isOpen) return false;
    if (this.#unsettled) return true;
    if (isHeld()) return false;
    return this.#drafts.length > 0 || (this.#isDue && !this.#isCurrent());
  }

  async #step() {
    if (this.#unsettled) return this.#settle(this.#drafts[0], this.#unsettled);
    if (!this.#isCurrent()) return this.#sendKeys();
    const draft = this.#drafts[0];
    if (!draft) return undefined;
    if (this.#recipients === "") return this.#fail(draft, "nobody-here");
    return this.#settle(draft, this.#seal(draft));
  }

  /** Whether the relay has the keys with which the next message is to be sent. */
  #isCurrent() {
    const { epochs } = this.#parts;
    const chain = this.#chain;
    if (!chain || !this.#areKeysSent) return false;
    return (
      chain.tag.epoch === epochs.newest &&
      equal(chain.tag.members, epochs.members) &&
      chain.isFor(this.#number + 1) &&
      this.#recipients === this.#recipientsNow()
    );
  }

  #recipientsNow() {
    return this.#parts.people.recipients
      .map(({ id }) => id)
      .toSorted()
      .join();
  }

  /** Begin a chain, and give its keys to all who shall read; to nobody, nothing is sent. */
  async #sendKeys() {
    const { place, identity, people, epochs } = this.#parts;
    const first = this.#number + 1;
    const tag = { sender: identity.memberId, epoch: epochs.newest, members: epochs.members, first };
    const { recipients } = people;
    const chain = new KeyChain(place, tag);
    this.#chain = chain;
    this.#recipients = this.#recipientsNow();
    this.#areKeysSent = recipients.length === 0;
    if (this.#areKeysSent) return;
    const encrypted = makeKeys(identity, chain, { previous: this.#previous, recipients });
    const messageId = toBase64url(randomBytes(MESSAGE_ID_BYTES));
    this.#remember(chain.id, encrypted);
    await this.#postPatiently(
      { encryptedMessage: encrypted, messageType: "key_exchange", id: messageId },
      () => {
        this.#areKeysSent = true;
      },
    );
  }

  /**
   * @param {Uint8Array} chainId
   * @param {string} encrypted
   */
  #remember(chainId, encrypted) {
    this.#sentKeys.set(toBase64url(chainId), encrypted);
    if (this.#sentKeys.size > KEPT_KEYS) {
      this.#sentKeys.delete(this.#sentKeys.keys().next().value ?? "");
    }
  }

  /**
   * @param {Draft} draft
   * @returns {Sealed}
   */
  #seal({ entry, text }) {
    const { identity } = this.#parts;
    const number = this.#number + 1;
    const said = {
      messageId: entry.id,
      kind: "text",
      number,
      previous: this.#previous,
      sentMs: entry.sentMs,
    };
    const chain = /** @type {KeyChain} */ (this.#chain);
    const { bytes, hash } = makeStrangerMessage(identity, chain, said, { text });
    return { encrypted: toBase64url(bytes), hash, number };
  }

  /**
   * @param {Draft} draft
   * @param {Sealed} sealed
   */
  async #settle(draft, sealed) {
    this.#unsettled = sealed;
    try {
      await this.#post(
        { encryptedMessage: sealed.encrypted, messageType: "text", id: draft.entry.id },
        () => this.#sent(draft, sealed),
      );
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      this.#unsettled = null; // It was refused: the number is free.
      if (error.isPassing) await this.#wait(error.retryAfterMs);
      else this.#fail(draft, error.code);
    }
  }

  /**
   * @param {Draft} draft
   * @param {Sealed} sealed
   */
  #sent(draft, { hash, number }) {
    this.#unsettled = null;
    this.#number = number;
    this.#previous = hash;
    this.#chain?.forget(number);
    this.#drafts.shift();
    this.#parts.tell({ ...draft.entry, status: "sent" });
  }

  /**
   * @param {Draft} draft
   * @param {string} reason
   */
  #fail(draft, reason) {
    this.#drafts.shift();
    this.#parts.tell({ ...draft.entry, status: "failed", reason });
  }

  /**
   * @param {Record<string, unknown>} payload
   * @param {() => void} succeeded
   */
  async #postPatiently(payload, succeeded) {
    try {
      await this.#post(payload, succeeded);
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      // They are made anew: meanwhile the members may be others.
      if (error.isPassing) await this.#wait(error.retryAfterMs);
      else this.#failAll(error.code);
    }
  }

  /** @param {string} reason */
  #failAll(reason) {
    while (this.#drafts.length > 0) this.#fail(this.#drafts[0], reason);
    this.#isDue = false;
  }

  /**
   * @param {Record<string, unknown>} payload
   * @param {() => void} [succeeded]
   */
  #post(payload, succeeded) {
    const { wire, groupId } = this.#parts;
    return wire.ask("send_group_message", { groupId, ...payload }, succeeded);
  }

  /**
   * @param {string} to
   * @param {string} encryptedMessage
   */
  #give(to, encryptedMessage) {
    const id = toBase64url(randomBytes(MESSAGE_ID_BYTES));
    // Whoever needs it asks again.
    this.#post({ encryptedMessage, messageType: "key_exchange", to, id }).catch(() => {});
  }

  /** @param {number | undefined} waitMs */
  #wait(waitMs = RETRY_MS) {
    return new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
