// @ts-check
/** What goes out: one message after the other, each until the relay has taken it. */

import { equal, fromBase64url, toBase64url } from "../protocol/bytes.js";
import { NO_HASH } from "../protocol/chain.js";
import { MESSAGE_TYPE, makeEnvelope } from "../protocol/envelope.js";
import { recipientsHash } from "../protocol/epoch.js";
import { randomBytes } from "../protocol/primitives.js";
import { OfflineError, RelayError } from "./relay.js";

const MESSAGE_ID_BYTES = 16;
const RETRY_MS = 2_000;

/**
 * @typedef {import("./entries.js").MessageEntry} MessageEntry
 * @typedef {import("./entries.js").Content} Content
 * @typedef {{messageId: string, audience: string | null, sentMs: number, content: Content}} Draft
 * @typedef {{number: number, hash: string}} ChainEnd
 * @typedef {{messageId: string, audience: string | null, number: number, hash: string, previous: string, epochId: string, recipients: string, encrypted: string}} Signed
 *
 * @typedef {object} SenderState For after a reload.
 * @property {Draft[]} drafts
 * @property {[string, ChainEnd][]} ends Of the own chains, by audience.
 * @property {Signed | null} signed What may have reached the relay.
 *
 * @typedef {object} SenderReports
 * @property {(entry: MessageEntry) => void} entry
 * @property {(signed: Signed) => void} arrived The relay has taken it, and will not bring it on this connection.
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
  /** Whether the relay has told that it does not have `#signed`. */
  #isTurnedAway = false;
  #isRunning = false;
  #isKeeping = false;
  /** @type {string | null} Why nothing is sent any more. */
  #ending = null;
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
    if (this.#drafts.some((draft) => draft.messageId === messageId)) return messageId;
    const draft = { messageId, audience, sentMs: nowMs, content };
    if (this.#ending) {
      this.#tell(draft, "sending");
      this.#tell(draft, "failed", this.#ending);
      return messageId;
    }
    this.#drafts.push(draft);
    this.#tell(draft, "sending");
    this.#keepSoon();
    void this.#run();
    return messageId;
  }

  /**
   * Whether something is still to be sent.
   *
   * @param {(content: Content) => boolean} isIt
   */
  waits(isIt) {
    return this.#drafts.some(({ content }) => isIt(content));
  }

  /**
   * Go on after the session was joined.
   *
   * @param {(messageId: string) => boolean} hasArrived Whether an own message came back from the relay.
   * @param {boolean} isComplete Whether all that came back would be among them.
   */
  resume(hasArrived, isComplete) {
    const signed = this.#signed;
    if (signed && hasArrived(signed.messageId)) this.#settle(signed);
    // What has not arrived is signed anew if others are there now. Otherwise not: if it does
    // arrive after all, there are no two messages of one number.
    else if (isComplete && signed && !this.#isForThosePresent(signed)) this.#signed = null;
    const arrived = this.#drafts.filter(({ messageId }) => hasArrived(messageId));
    this.#drafts = this.#drafts.filter((draft) => !arrived.includes(draft));
    for (const draft of arrived) this.#tell(draft, "sent");
    void this.#run();
  }

  /**
   * Where an own chain ends by what has come back from the relay: what was kept may be older.
   *
   * @param {string | null} audience
   * @param {{number: number, hash: Uint8Array} | undefined} end
   */
  follow(audience, end) {
    if (!end || end.number <= this.end(audience).number) return;
    this.#ends.set(audience ?? "", { number: end.number, hash: toBase64url(end.hash) });
    if (this.#signed?.audience === audience) this.#signed = null;
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

  /**
   * Send nothing any more; what waits has failed.
   *
   * @param {string} reason
   */
  stop(reason) {
    clearTimeout(this.#retry);
    this.#ending = reason;
    if (reason === "closed") return; // They go out after `restore`.
    for (const draft of this.#drafts) this.#tell(draft, "failed", reason);
  }

  /** @param {SenderState} kept */
  import({ drafts, ends, signed }) {
    this.#drafts = [...drafts];
    this.#ends = new Map(ends);
    this.#signed = signed;
  }

  /** Tell of what was not sent before a reload. */
  tellDrafts() {
    for (const draft of this.#drafts) this.#tell(draft, "sending");
  }

  async #run() {
    clearTimeout(this.#retry);
    if (this.#isRunning) return;
    this.#isRunning = true;
    while (this.#drafts.length > 0 && this.#relay.isJoined && !this.#ending) {
      if (!(await this.#sendFirst())) break;
    }
    this.#isRunning = false;
  }

  /** @returns {Promise<boolean>} Whether the next may follow at once. */
  async #sendFirst() {
    const [draft] = this.#drafts;
    try {
      const signed = this.#sign(draft);
      await this.#keep();
      const payload = {
        id: signed.messageId,
        to: signed.audience,
        type: MESSAGE_TYPE,
        encrypted: signed.encrypted,
      };
      await this.#relay.ask("send-message", payload, () => this.#reports.arrived(signed));
      if (this.#drafts.includes(draft)) this.#sent(draft, signed);
      return true;
    } catch (error) {
      return this.#failed(draft, error);
    }
  }

  /**
   * @param {Draft} draft
   * @param {Signed} signed
   */
  #sent(draft, signed) {
    this.#settle(signed);
    this.#drafts = this.#drafts.filter((other) => other !== draft);
    this.#tell(draft, "sent");
    this.#keepSoon();
  }

  /**
   * @param {Draft} draft
   * @param {unknown} error
   */
  #failed(draft, error) {
    const isRefused = !(error instanceof OfflineError);
    const isPassing = error instanceof RelayError && error.isPassing;
    this.#isTurnedAway = isRefused;
    if (this.#ending) return false;
    if (!isRefused || isPassing) {
      const waitMs = isPassing ? error.retryAfterMs : undefined;
      this.#retry = setTimeout(() => void this.#run(), waitMs ?? RETRY_MS);
      return false;
    }
    this.#signed = null;
    this.#drafts = this.#drafts.filter((other) => other !== draft);
    this.#tell(draft, "failed", error instanceof RelayError ? error.code : "unsendable");
    return true;
  }

  /**
   * @param {Draft} draft
   * @returns {Signed}
   * @throws {RelayError} There is nobody to read it.
   */
  #sign({ messageId, audience, sentMs, content }) {
    const recipients = this.#recipients(audience);
    const before = this.#signed?.messageId === messageId ? this.#signed : null;
    // What the relay does not have is not for whoever has gone meanwhile.
    if (before && (!this.#isTurnedAway || this.#isForThosePresent(before))) return before;
    this.#isTurnedAway = false;
    const { number, hash } = this.end(audience);
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
      recipients: toBase64url(epoch.recipients),
      encrypted: toBase64url(envelope.bytes),
    };
    return this.#signed;
  }

  /**
   * @param {string | null} audience
   * @throws {RelayError} Nobody whom we know is of that name: not even an honest relay may have it.
   */
  #recipients(audience) {
    const recipients = this.#roster.recipients(audience, Date.now());
    if (audience === null || recipients.some(({ id }) => id === audience)) return recipients;
    throw new RelayError({
      code: "recipient_not_found",
      message: "nobody of that id is there with a card that is right",
      retryAfterMs: undefined,
    });
  }

  /** @param {Signed} signed */
  #isForThosePresent({ audience, recipients }) {
    const memberIds = this.#roster.recipients(audience, Date.now()).map(({ memberId }) => memberId);
    return equal(recipientsHash(memberIds), fromBase64url(recipients));
  }

  /** @param {Signed} signed */
  #settle(signed) {
    const { audience, number, hash, epochId } = signed;
    this.#signed = null;
    // Another connection of ours may have gone on meanwhile.
    if (number > this.end(audience).number) this.#ends.set(audience ?? "", { number, hash });
    this.#epochs.settle(audience, fromBase64url(epochId));
  }

  /** After a burst of drafts once, not for each. */
  #keepSoon() {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    queueMicrotask(() => {
      this.#isKeeping = false;
      void this.#keep();
    });
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
