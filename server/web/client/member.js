// @ts-check
/** One member at work: all parts of the client wired together, and the course of its connection. */

import { makeCard } from "../protocol/card.js";
import { Attendance } from "./attendance.js";
import { Emitter } from "./emitter.js";
import { Epochs } from "./epochs.js";
import { FILE_PACE, Files } from "./files.js";
import { Heads, PACE } from "./heads.js";
import { Keeper } from "./keeper.js";
import { MemoryChunks, NO_VAULT } from "./keeping.js";
import { Keyring } from "./keyring.js";
import { SignalNumbers } from "./numbers.js";
import { Postman } from "./postman.js";
import { WorkQueue } from "./queue.js";
import { Receiver } from "./receiver.js";
import { Relay } from "./relay.js";
import { Roster } from "./roster.js";
import { Sender } from "./sender.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").NoticeCode} NoticeCode
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("./relay.js").Joined} Joined
 * @typedef {import("./relay.js").RelayMessage} RelayMessage
 * @typedef {import("./relay.js").RelaySignal} RelaySignal
 * @typedef {import("./keeping.js").Vault} Vault
 *
 * @typedef {"connecting" | "catching-up" | "connected" | "reconnecting" | "ended"} State
 *
 * @typedef {object} SessionEvents
 * @property {{state: State, reason: string | null}} state The reason of an end: `session_expired`, `removed`, `left`, `closed`, or what the relay refused.
 * @property {Entry} entry A new one, or one that takes the place of that with its id.
 * @property {null} people
 * @property {null} locked
 * @property {import("./files.js").Transfer} transfer
 * @property {{fileId: string, memberId: string}} downloaded
 *
 * @typedef {object} Options
 * @property {string} url Of the relay.
 * @property {string} name Of the person, for the others.
 * @property {Vault} [vault] What survives a reload.
 * @property {import("./files.js").ChunkStore} [chunks]
 * @property {import("./heads.js").Pace & import("./files.js").FilePace} [pace]
 *
 * @typedef {{type: "message", relayed: RelayMessage, isHistory: boolean, isTrimmed: boolean} | {type: "signal", signal: RelaySignal} | {type: "caught-up", joined: Joined}} Incoming
 */

/** @extends {Emitter<SessionEvents>} */
export class Member extends Emitter {
  identity;
  relay;
  roster;
  #epochs;
  #receiver;
  sender;
  #keyring;
  #heads;
  files;
  #postman;
  #attendance;
  keeper;
  /** @type {WorkQueue<Incoming>} */
  #queue = new WorkQueue((incoming) => this.#take(incoming));
  #vault;
  #me;
  #seq = 0;
  #notices = 0;
  #isCaughtUp = false;

  /** @type {State} */
  state = "connecting";
  isLocked = false;

  /**
   * @param {import("../protocol/link.js").Link} link
   * @param {import("../protocol/identity.js").Identity} identity
   * @param {Options} options
   * @param {import("./keeping.js").Kept | null} kept
   */
  constructor(link, identity, options, kept) {
    super();
    const pace = options.pace ?? { ...PACE, ...FILE_PACE };
    this.link = link;
    this.name = options.name;
    this.identity = identity;
    this.#vault = options.vault ?? NO_VAULT;
    this.#me = { hasJoined: false, memberToken: /** @type {string | null} */ (null), ...kept?.me };
    this.roster = new Roster(link, identity.id);
    this.#epochs = new Epochs(link, identity);
    this.relay = new Relay(options.url, link.relaySessionId, () => this.#joinPayload());
    const numbers = new SignalNumbers();
    const tell = {
      entry: (/** @type {Entry} */ entry) => this.#tell(entry),
      notice: (/** @type {NoticeCode} */ code, /** @type {string} */ memberId, count = 0) =>
        this.#notice(code, memberId, count),
      people: () => this.peopleChanged(),
    };
    const who = /** @type {const} */ ([link, identity, this.roster, this.#epochs]);
    this.#attendance = new Attendance(this.roster, tell);
    this.#keyring = new Keyring(...who, {
      send: (person, kind, fields) => void this.#postman.send(person, kind, fields),
      learned: () => this.#receiver.retry(),
      lacking: (epochIds) => this.#receiver.lack(epochIds),
    });
    this.#receiver = new Receiver(...who, {
      ...tell,
      wanted: (senderId, epochId) => this.#keyring.want(senderId, epochId),
      removed: (memberId) => this.removed(memberId),
    });
    this.sender = new Sender(...who, this.relay, {
      ...tell,
      arrived: (signed) => this.#receiver.noteOwn(signed),
      keep: (state) => this.#vault.keep("sender", state),
    });
    const store = options.chunks ?? new MemoryChunks();
    this.files = new Files(this.roster, identity.id, store, this.#fileReports(), pace);
    const parts = { link, identity, numbers, roster: this.roster, relay: this.relay };
    const chains = { sender: this.sender, receiver: this.#receiver };
    this.#heads = new Heads({ ...parts, ...chains }, { ...tell, ...this.#headReports() }, pace);
    this.#postman = new Postman(parts, { ...tell, ...this.#signalReports() });
    this.keeper = new Keeper(this.#vault, {
      ...chains,
      roster: this.roster,
      epochs: this.#epochs,
    });
    if (kept) this.keeper.restore(kept);
    this.#listen();
  }

  #listen() {
    const relay = this.relay;
    relay.on("joined", (joined) => this.#joined(joined));
    relay.on("down", () => this.#down());
    relay.on("refused", (error) => this.end(error.code));
    relay.on("ended", (error) => this.end(error.code));
    relay.on("members", (members) => this.#hearMembers(members));
    relay.on("arrived", ({ seq }) => this.#advance(seq));
    relay.on("departed", (told) => {
      this.#advance(told.seq);
      this.#attendance.departed(told);
    });
    relay.on("message", (relayed) => {
      this.#queue.put({ type: "message", relayed, isHistory: false, isTrimmed: false });
    });
    relay.on("signal", (signal) => this.#queue.put({ type: "signal", signal }));
    relay.on("typing", (told) => this.#attendance.typing(told));
    relay.on("downloaded", (told) => this.#downloaded(told));
    relay.on("locked", ({ locked }) => this.#setLocked(locked));
  }

  /** @returns {import("./files.js").FileReports} */
  #fileReports() {
    return {
      send: (person, kind, fields) => this.#postman.send(person, kind, fields),
      transfer: (transfer) => this.emit("transfer", transfer),
      complete: (fileId) =>
        void this.relay.ask("file-downloaded", { fileName: fileId }).catch(ignoreFailure),
    };
  }

  #headReports() {
    return {
      send: (/** @type {string | null} */ audience, /** @type {unknown} */ encrypted) =>
        void this.#postman.post(audience, encrypted),
    };
  }

  /** @returns {Omit<import("./postman.js").PostmanReports, "notice">} */
  #signalReports() {
    return {
      alive: (person) => this.#attendance.alive(person),
      head: (person, head) => this.#heads.hear(person, head),
      kinds: {
        "keys-wanted": (person, epochIds) => this.#keyring.answer(person, epochIds),
        keys: (_, entries) => this.#keyring.take(entries),
        "file-wanted": (person, fields) =>
          void this.files.serve(person, fields).catch(ignoreFailure),
        "file-chunk": (person, fields) => this.files.takeChunk(person, fields),
        "file-gone": (person, [fileId]) => this.files.gone(person, fileId),
        "file-enough": (person, [fileId]) => this.files.enough(person, fileId),
      },
    };
  }

  #joinPayload() {
    return {
      userId: this.identity.id,
      publicKey: this.card(),
      authKey: this.link.authKey,
      isCreator: this.identity.id === this.roster.creatorId && !this.#me.hasJoined,
      memberToken: this.#me.memberToken,
      since: this.#seq,
    };
  }

  card() {
    return makeCard(this.link, this.identity, this.name, Date.now());
  }

  /** @param {Joined} joined */
  #joined(joined) {
    this.#me = { hasJoined: true, memberToken: joined.memberToken };
    void this.keepMe();
    this.#attendance.update(joined.members, true);
    this.#setLocked(joined.locked);
    this.#setState("catching-up");
    for (const relayed of joined.messages) {
      this.#queue.put({ type: "message", relayed, isHistory: true, isTrimmed: joined.truncated });
    }
    this.#queue.put({ type: "caught-up", joined });
  }

  /** @param {Joined} joined */
  #caughtUp({ messages, seq, truncated }) {
    if (!this.relay.isJoined) return;
    this.#advance(seq);
    if (!this.#isCaughtUp) {
      for (const { memberId, count } of this.#receiver.vanished()) {
        this.#notice("rolled-back", memberId, count);
      }
    }
    this.#isCaughtUp = true;
    const own = messages.filter(({ from }) => from === this.identity.id).map(({ id }) => id);
    this.sender.resume(own, !truncated);
    this.#heads.start();
    this.#keyring.retry();
    this.files.retry();
    this.#setState("connected");
  }

  #down() {
    this.#stop();
    this.#attendance.down();
    if (this.state !== "ended") this.#setState("reconnecting");
  }

  /** @param {Incoming} incoming */
  async #take(incoming) {
    if (incoming.type === "caught-up") return this.#caughtUp(incoming.joined);
    if (incoming.type === "signal") return this.#postman.take(incoming.signal);
    const { relayed, isHistory, isTrimmed } = incoming;
    this.#receiver.take(relayed, isHistory, isTrimmed);
    this.#advance(relayed.seq);
    this.keeper.soon();
  }

  /** @param {import("./relay.js").RelayMember[]} members */
  #hearMembers(members) {
    this.#attendance.update(members, false);
    this.#keyring.retry();
    this.files.retry();
  }

  /** @param {{downloadedBy: string, fileName: string}} told */
  #downloaded({ downloadedBy, fileName }) {
    this.files.addHolder(fileName, downloadedBy);
    this.emit("downloaded", { fileId: fileName, memberId: downloadedBy });
  }

  /** @param {string} memberId */
  removed(memberId) {
    this.roster.remove(memberId, Date.now());
    this.#receiver.close(memberId);
    this.peopleChanged();
  }

  /** @param {boolean} isLocked */
  #setLocked(isLocked) {
    this.isLocked = isLocked;
    this.emit("locked", null);
  }

  /** @param {string} reason */
  end(reason) {
    this.#stop();
    this.keeper.stop();
    this.sender.stop();
    this.files.stop();
    this.#queue.clear();
    this.relay.close();
    this.#setState("ended", reason);
  }

  #stop() {
    this.#heads.stop();
    this.#keyring.stop();
  }

  /**
   * @param {State} state
   * @param {string | null} reason
   */
  #setState(state, reason = null) {
    this.state = state;
    this.emit("state", { state, reason });
  }

  /** @param {number} seq */
  #advance(seq) {
    if (Number.isSafeInteger(seq)) this.#seq = Math.max(this.#seq, seq);
  }

  /**
   * @param {NoticeCode} code
   * @param {string} memberId
   * @param {number} count
   */
  #notice(code, memberId, count = 0) {
    this.#notices += 1;
    const id = `notice-${this.#notices}`;
    this.emit("entry", { type: "notice", id, code, memberId, count, atMs: Date.now() });
  }

  /** @param {Entry} entry */
  #tell(entry) {
    const content = entry.type === "message" ? entry.content : null;
    if (content?.kind === "file" && entry.type === "message") {
      void this.files.learn(content.file, entry.senderId);
    }
    this.emit("entry", entry);
  }

  peopleChanged() {
    this.emit("people", null);
    this.keeper.soon();
  }

  keepMe() {
    const identity = this.identity.export();
    const me = { identity, name: this.name, fragment: this.link.fragment, ...this.#me };
    return this.#vault.keep("me", me);
  }
}

/** What fails here is done again after the next connection, or does not matter then. */
export function ignoreFailure() {}
