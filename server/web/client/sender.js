// @ts-check
/** What goes out: one message after the other, each until the relay has taken it. */

import { fromBase64url, toBase64url } from "../protocol/bytes.js";
import { NO_HASH } from "../protocol/chain.js";
import { MESSAGE_TYPE, makeEnvelope } from "../protocol/envelope.js";
import { randomBytes } from "../protocol/primitives.js";
import { RelayError } from "./relay.js";

const MESSAGE_ID_BYTES = 16;
const RETRY_MS = 2_000;

/**
 * @typedef {import("./entries.js").MessageEntry} MessageEntry
 * @typedef {import("./entries.js").Content} Content
 * @typedef {{messageId: string, audience: string | null, sentMs: number, content: Content}} Draft
 * @typedef {{number: number, hash: string}} ChainEnd
 * @typedef {{messageId: string, audience: string | null, number: number, hash: string, previous: string, epochId: string, encrypted: string}} Signed
 *
 * @typedef {object} SenderState For after a reload.
 * @property {Draft[]} drafts
 * @property {[string, ChainEnd][]} ends Of the own chains, by audience.
 * @property {Signed | null} signed What may have reached the relay.
 *
 * @typedef {object} SenderReports
 * @property {(entry: MessageEntry) => void} entry
 * @property {(signed: Signed) => void} arrived
 * @property {(state: SenderState) => Promise<void>} keep Called before anything signed leaves.
 */

export class Sender {
  #link;
  #identity;
  #roster;
  #epochs;
  #relay;
  #reports;
  /** @type {Draft[]} */
  #drafts = [];
  /** @type {Map<string, ChainEnd>} */
  #ends = new Map();
  /** @type {Signed | null} */
  #signed = null;
  #isRunning = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {import("./roster.js").Roster} roster
   * @param {import("./epochs.js").Epochs} epochs
   * @param {import("./relay.js").Relay} relay
   * @param {SenderReports} reports
   */
  constructor(link, identity, roster, epochs, relay, reports) {
    this.#link = link;
    this.#identity = identity;
    this.#roster = roster;
    this.#epochs = epochs;
    this.#relay = relay;
    this.#reports = reports;
  }

  /**
   * @param {Content} content
   * @param {string | null} audience
   * @param {number} nowMs
   * @param {string} [messageId] Of a message that failed, to try it again.
   * @returns {string} The message id.
   */
  send(content, audience, nowMs, messageId = toBase64url(randomBytes(MESSAGE_ID_BYTES))) {
    const draft = { messageId, audience, sentMs: nowMs, content };
    this.#drafts.push(draft);
    this.#tell(draft, "sending");
    void this.#run();
    return messageId;
  }

  /**
   * Go on after the session was joined.
   *
   * @param {string[]} arrivedIds Own messages that came back from the relay.
   * @param {boolean} isComplete Whether all that came back would be among them.
   */
  resume(arrivedIds, isComplete) {
    const signed = this.#signed;
    if (signed && arrivedIds.includes(signed.messageId)) this.#settle(signed);
    // What has not arrived is signed anew, for those who are there now.
    else if (isComplete) this.#signed = null;
    this.#drafts = this.#drafts.filter(({ messageId }) => !arrivedIds.includes(messageId));
    void this.#run();
  }

  /**
   * The newest message of a chain that the relay has.
   *
   * @param {string | null} audience
   * @returns {{number: number, hash: Uint8Array}}
   */
  end(audience) {
    const end = this.#ends.get(audience ?? "");
    return { number: end?.number ?? 0, hash: end ? fromBase64url(end.hash) : NO_HASH };
  }

  /** @returns {string[]} With whom there is a chain of two. */
  get partners() {
    return [...this.#ends.keys()].filter((audience) => audience !== "");
  }

  stop() {
    clearTimeout(this.#retry);
    this.#isRunning = true; // For good.
  }

  /** @param {SenderState} kept */
  import({ drafts, ends, signed }) {
    this.#drafts = [...drafts];
    this.#ends = new Map(ends);
    this.#signed = signed;
    for (const draft of drafts) this.#tell(draft, "sending");
  }

  async #run() {
    clearTimeout(this.#retry);
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#drafts.length > 0 && this.#relay.isJoined) {
      if (!(await this.#sendFirst())) break;
    }
    this.#isRunning = false;
  }

  /** @returns {Promise<boolean>} Whether the next may follow at once. */
  async #sendFirst() {
    const [draft] = this.#drafts;
    const signed = this.#sign(draft);
    await this.#keep();
    try {
      await this.#relay.ask("send-message", {
        id: signed.messageId,
        to: signed.audience,
        type: MESSAGE_TYPE,
        encrypted: signed.encrypted,
      });
    } catch (error) {
      return this.#failed(draft, error);
    }
    if (this.#drafts.includes(draft)) {
      this.#settle(signed);
      this.#drafts = this.#drafts.filter((other) => other !== draft);
      this.#tell(draft, "sent");
      await this.#keep();
    }
    return true;
  }

  /**
   * @param {Draft} draft
   * @param {unknown} error
   */
  #failed(draft, error) {
    const isRefused = error instanceof RelayError;
    if (isRefused) this.#signed = null;
    if (!isRefused || error.isPassing) {
      const waitMs = isRefused ? error.retryAfterMs : undefined;
      this.#retry = setTimeout(() => void this.#run(), waitMs ?? RETRY_MS);
      return false;
    }
    this.#drafts = this.#drafts.filter((other) => other !== draft);
    this.#tell(draft, "failed", error.code);
    return true;
  }

  /**
   * @param {Draft} draft
   * @returns {Signed}
   */
  #sign({ messageId, audience, sentMs, content }) {
    if (this.#signed?.messageId === messageId) return this.#signed;
    const { number, hash } = this.end(audience);
    const recipients = this.#roster.recipients(audience);
    const { epoch, keys } = this.#epochs.forNext(audience, recipients, number + 1, Date.now());
    const { kind, ...said } = content;
    const place = { messageId, kind, number: number + 1, previous: hash, sentMs, keys };
    const envelope = makeEnvelope(this.#link, this.#identity, epoch, place, said);
    this.#signed = {
      messageId,
      audience,
      number: number + 1,
      hash: toBase64url(envelope.hash),
      previous: toBase64url(hash),
      epochId: toBase64url(epoch.epochId),
      encrypted: toBase64url(envelope.bytes),
    };
    return this.#signed;
  }

  /** @param {Signed} signed */
  #settle(signed) {
    const { audience, number, hash, epochId } = signed;
    this.#signed = null;
    this.#reports.arrived(signed);
    this.#ends.set(audience ?? "", { number, hash });
    this.#epochs.settle(audience, fromBase64url(epochId));
  }

  #keep() {
    const state = { drafts: this.#drafts, ends: [...this.#ends], signed: this.#signed };
    return this.#reports.keep(state);
  }

  /**
   * @param {Draft} draft
   * @param {"sending" | "sent" | "failed"} status
   * @param {string | null} reason
   */
  #tell({ messageId, audience, sentMs, content }, status, reason = null) {
    const place = { id: messageId, senderId: this.#identity.id, audience, sentMs };
    this.#reports.entry({ type: "message", ...place, status, reason, isLate: false, content });
  }
}
