// @ts-check
/** A session: what a front end needs to know of it and can do in it. */

import { toBase64url, wellFormed } from "../protocol/bytes.js";
import { nameProblem } from "../protocol/card.js";
import { MAX_PREVIEW_BYTES } from "../protocol/chunks.js";
import { Identity } from "../protocol/identity.js";
import { Link } from "../protocol/link.js";
import { safetyNumber } from "../protocol/safety.js";
import { isText, MAX_TEXT_CHARS } from "./entries.js";
import { ignoreFailure, Member } from "./member.js";

/**
 * @typedef {import("./member.js").Options} Options
 * @typedef {import("./member.js").SessionEvents} SessionEvents
 * @typedef {import("./roster.js").Person} Person
 */

export class Session {
  #member;

  /** @param {Member} member */
  constructor(member) {
    this.#member = member;
    this.link = member.link;
  }

  /**
   * Make a session, and be its creator.
   *
   * @param {Options & {sharesHistory?: boolean}} options
   */
  static async create(options) {
    const identity = Identity.create();
    return Session.#start(Link.create(identity.memberId, options), identity, options);
  }

  /**
   * Come in by a link, as a new member.
   *
   * @param {string} link
   * @param {Options} options
   * @throws {import("../protocol/link.js").LinkError}
   */
  static async open(link, options) {
    return Session.#start(Link.parse(link), Identity.create(), options);
  }

  /**
   * Come back after a reload.
   *
   * @param {import("./keeping.js").Kept} kept
   * @param {Omit<Options, "name">} options
   */
  static restore(kept, options) {
    const { me } = kept;
    const identity = Identity.import(me.identity);
    const link = Link.parse(me.fragment);
    return new Session(new Member(link, identity, { ...options, name: me.name }, kept));
  }

  /**
   * @param {Link} link
   * @param {Identity} identity
   * @param {Options} options
   */
  static async #start(link, identity, options) {
    const member = new Member(link, identity, options, null);
    await member.keepMe();
    return new Session(member);
  }

  /**
   * @template {keyof SessionEvents} Name
   * @param {Name} name
   * @param {(told: SessionEvents[Name]) => void} listener
   * @returns {() => void} Ends it.
   */
  on(name, listener) {
    return this.#member.on(name, listener);
  }

  /** Begin; first listen to what is of interest. */
  connect() {
    this.#member.sender.tellDrafts();
    this.#member.relay.connect();
  }

  get state() {
    return this.#member.state;
  }

  get isLocked() {
    return this.#member.isLocked;
  }

  /** Of oneself, for the others. */
  get name() {
    return this.#member.name;
  }

  get id() {
    return this.#member.identity.id;
  }

  get isCreator() {
    return this.id === this.#member.roster.creatorId;
  }

  get creatorId() {
    return this.#member.roster.creatorId;
  }

  /** @returns {readonly Person[]} Who is there, and of whom anything is known. */
  get people() {
    return this.#member.roster.all;
  }

  /**
   * @param {string} text
   * @param {string | null} [audience] The id of the one who may read it; null for everybody.
   * @returns {string} The message id.
   * @throws {RangeError} It is empty, or longer than `MAX_TEXT_CHARS`.
   */
  sendText(text, audience = null) {
    if (!isText(text)) throw new RangeError(`a text has 1 to ${MAX_TEXT_CHARS} characters`);
    return this.#member.sender.send({ kind: "text", text: wellFormed(text) }, audience, Date.now());
  }

  /**
   * Try a message again that failed, under the same id.
   *
   * @param {import("./entries.js").MessageEntry} entry
   */
  retry({ id, audience, content, status }) {
    if (content && status === "failed") this.#member.sender.send(content, audience, Date.now(), id);
  }

  /**
   * Offer a file; it goes to whoever fetches it.
   *
   * @param {Blob & {name: string}} file
   * @param {{audience?: string | null, preview?: Uint8Array | null, place: string}} options
   *   Of a `preview`, a JPEG picture; a `place` names the preparation in `transfer` events, and for `cancelFile`.
   * @returns {Promise<string>} The message id.
   */
  async sendFile(file, { audience = null, preview = null, place }) {
    if ((preview?.length ?? 0) > MAX_PREVIEW_BYTES) {
      throw new RangeError(`a preview may have ${MAX_PREVIEW_BYTES} bytes`);
    }
    const note = await this.#member.files.prepare(file, place);
    const shown = preview ? { ...note, preview: toBase64url(preview) } : note;
    return this.#member.sender.send({ kind: "file", file: shown }, audience, Date.now());
  }

  /** @param {string} fileId */
  fetchFile(fileId) {
    return this.#member.files.fetch(fileId);
  }

  /** @param {string} place A file id, or the place of a preparation. */
  cancelFile(place) {
    this.#member.files.cancel(place);
  }

  /** @param {string} fileId */
  transfer(fileId) {
    return this.#member.files.transfer(fileId);
  }

  /**
   * The bytes of a file that is here.
   *
   * @param {string} fileId
   */
  openFile(fileId) {
    return this.#member.files.open(fileId);
  }

  /** @param {boolean} isTyping */
  async setTyping(isTyping) {
    await this.#member.relay
      .ask(isTyping ? "typing-start" : "typing-stop", {})
      .catch(ignoreFailure);
  }

  /**
   * Keep newcomers out, or let them in; only the creator may.
   *
   * @param {boolean} isLocked
   */
  async lock(isLocked) {
    await this.#member.relay.ask("lock-session", { locked: isLocked });
    // The relay tells the others only.
    this.#member.setLocked(isLocked);
  }

  /**
   * Put somebody out; only the creator may. Nobody believes the member from now on; the relay is asked
   * until it has done its part, also after a reload.
   *
   * @param {string} memberId
   * @throws {RangeError} That is not the creator's to do, or not to be done to this one.
   * @throws {import("./relay.js").RelayError} The relay will not.
   * @throws {import("./relay.js").OfflineError} The session has ended before the relay has.
   */
  async remove(memberId) {
    const isOther = memberId !== this.id && this.#member.roster.get(memberId);
    if (!this.isCreator || !isOther) throw new RangeError("only the creator removes others");
    await this.#member.removals.remove(memberId);
  }

  /**
   * @param {string} name
   * @throws {RangeError} It cannot be used; `nameProblem` tells why.
   */
  async rename(name) {
    if (nameProblem(name)) throw new RangeError("that name cannot be used");
    await this.#member.rename(name);
  }

  /**
   * Twelve groups of digits, which the other one must see as well.
   *
   * @param {string} memberId
   */
  safetyNumber(memberId) {
    const card = this.#member.roster.get(memberId)?.card;
    return card ? safetyNumber(this.link, this.#member.identity.memberId, card.memberId) : null;
  }

  /**
   * @param {string} memberId
   * @param {boolean} isVerified
   */
  setVerified(memberId, isVerified) {
    const person = this.#member.roster.get(memberId);
    if (!person) return;
    person.isVerified = isVerified;
    this.#member.peopleChanged();
  }

  /** Leave for good, and forget everything; the relay has a second or two to hear of it. */
  async leave() {
    await this.#member.relay.leave();
    this.#member.end("left");
    await this.#member.keeper.forget();
  }

  /** Close the connection, to come back later by `restore`; the others see it lost. */
  close() {
    this.#member.end("closed");
  }
}
