// @ts-check
/** One member at work: all parts of the client wired together, and the course of its connection. */

import { nameProblem } from "../protocol/card.js";
import { Attendance } from "./attendance.js";
import { Chains } from "./chains.js";
import { Downloads } from "./downloads.js";
import { Emitter } from "./emitter.js";
import { Epochs } from "./epochs.js";
import { FileNews } from "./file_news.js";
import { FILE_PACE, Files } from "./files.js";
import { Heads, PACE } from "./heads.js";
import { Intake } from "./intake.js";
import { Keeper } from "./keeper.js";
import { MemoryChunks, NO_VAULT } from "./keeping.js";
import { KEY_PACE, Keyring } from "./keyring.js";
import { Me } from "./me.js";
import { Notices } from "./notices.js";
import { SignalNumbers } from "./numbers.js";
import { Postman } from "./postman.js";
import { Receiver } from "./receiver.js";
import { Relay } from "./relay.js";
import { Removals } from "./removals.js";
import { Roster } from "./roster.js";
import { Sender } from "./sender.js";

/**
 * @typedef {import("./entries.js").Entry} Entry
 * @typedef {import("./entries.js").NoticeCode} NoticeCode
 * @typedef {import("./roster.js").Person} Person
 * @typedef {import("./heard.js").Joined} Joined
 * @typedef {import("./heard.js").RelayMember} RelayMember
 * @typedef {import("./heard.js").RelayMessage} RelayMessage
 * @typedef {import("./heard.js").RelaySignal} RelaySignal
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
 * @property {string} url Of the relay; of the folder that it is in, if a proxy has put it into one.
 * @property {string} name Of the person, for the others.
 * @property {Vault} [vault] What survives a reload.
 * @property {import("./files.js").ChunkStore} [chunks]
 * @property {Partial<Pace>} [pace]
 *
 * @typedef {import("./heads.js").Pace & import("./files.js").FilePace & import("./keyring.js").KeyPace} Pace
 */

/** @extends {Emitter<SessionEvents>} */
export class Member extends Emitter {
  identity;
  relay;
  roster;
  #epochs;
  #chains;
  #receiver;
  sender;
  #keyring;
  #heads;
  files;
  #fileNews;
  #postman;
  #attendance;
  removals;
  keeper;
  #intake;
  #downloads = new Downloads();
  #notices = new Notices((notice) => this.emit("entry", notice));
  #me;
  #isRestored;
  #seq = 0;

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
    if (nameProblem(options.name)) throw new RangeError("that name cannot be used");
    const pace = { ...PACE, ...FILE_PACE, ...KEY_PACE, ...options.pace };
    this.link = link;
    this.identity = identity;
    this.#isRestored = kept !== null;
    this.#me = new Me(link, identity, options.name, kept?.me);
    this.roster = new Roster(link, identity.id);
    this.#epochs = new Epochs(link, identity);
    this.relay = new Relay(options.url, link.relaySessionId, () =>
      this.#me.joinPayload(this.#card(), this.#seq),
    );
    this.#intake = new Intake(this.relay, (incoming) => this.#take(incoming));
    const numbers = new SignalNumbers();
    const tell = {
      entry: (/** @type {Entry} */ entry) => this.#fileNews.tell(entry),
      notice: (/** @type {NoticeCode} */ code, /** @type {string | null} */ memberId, count = 0) =>
        this.#notices.add(code, memberId, count, Date.now()),
      people: () => this.peopleChanged(),
    };
    const who = /** @type {const} */ ([link, identity, this.roster, this.#epochs]);
    this.#attendance = new Attendance(this.roster, {
      ...tell,
      leaves: (code, memberId) => this.#intake.put({ type: "left", code, memberId }),
    });
    this.#chains = new Chains(tell.notice);
    this.#keyring = new Keyring(...who, this.#keyReports(), pace);
    this.#receiver = new Receiver(...who, this.#chains, {
      ...tell,
      wanted: (senderId, epochId) => this.#keyring.want(senderId, epochId),
      removed: (memberId) => this.#attendance.removed(memberId),
      own: (to, audience) => this.sender.follow(to, this.#chains.end(identity.id, audience)),
    });
    this.sender = new Sender(...who, this.relay, {
      entry: (entry) => this.#tellOwn(entry),
      arrived: (signed) => this.#intake.put({ type: "own", signed }),
      keep: (state) => this.keeper.keep("sender", state),
    });
    const store = options.chunks ?? new MemoryChunks();
    this.files = new Files(this.roster, identity.id, store, this.#fileReports(), pace);
    this.#fileNews = new FileNews(this.files, this.roster, this.#downloads, {
      entry: (entry) => this.emit("entry", entry),
      downloaded: (told) => this.emit("downloaded", told),
      changed: () => this.keeper.soon("downloads"),
    });
    const parts = { link, identity, numbers, roster: this.roster, relay: this.relay };
    const kin = { sender: this.sender, chains: this.#chains };
    this.#heads = new Heads({ ...parts, ...kin }, { ...tell, ...this.#headReports() }, pace);
    this.removals = new Removals({ ...parts, ...kin });
    this.#postman = new Postman(parts, { ...tell, ...this.#signalReports() });
    this.keeper = new Keeper(options.vault ?? NO_VAULT, {
      ...kin,
      numbers,
      roster: this.roster,
      epochs: this.#epochs,
      downloads: this.#downloads,
    });
    if (kept) this.keeper.restore(kept);
    this.#listen();
  }

  #listen() {
    const relay = this.relay;
    relay.on("joined", (joined) => this.#joined(joined));
    relay.on("down", () => this.#down());
    relay.on("refused", (error) => this.#endSoon(error.code));
    relay.on("ended", (error) => this.#endSoon(error.code));
    relay.on("members", (members) => this.#hearMembers(members));
    relay.on("departed", (told) => this.#attendance.departed(told));
    relay.on("typing", (told) => this.#attendance.typing(told));
    relay.on("locked", ({ isLocked }) => this.setLocked(isLocked));
    relay.on("nonsense", () => this.#notices.add("forged", null, 1, Date.now()));
  }

  /** @returns {import("./keyring.js").KeyringReports} */
  #keyReports() {
    return {
      send: (person, kind, fields) => void this.#postman.send(person, kind, fields),
      learned: () => this.#receiver.retry(),
      lacking: (epochIds) => this.#receiver.lack(epochIds),
    };
  }

  /** @returns {import("./files.js").FileReports} */
  #fileReports() {
    return {
      send: (person, kind, fields) => this.#postman.send(person, kind, fields),
      transfer: (transfer) => this.emit("transfer", transfer),
      complete: (fileId, to) =>
        void this.relay.ask("file-downloaded", { fileName: fileId, to }).catch(ignoreFailure),
    };
  }

  #headReports() {
    return {
      send: (/** @type {unknown} */ encrypted) => {
        void this.#postman.post(null, encrypted);
        this.keeper.soon("numbers");
      },
    };
  }

  /** @returns {Omit<import("./postman.js").PostmanReports, "notice">} */
  #signalReports() {
    return {
      head: (person, head) => {
        this.#attendance.alive(person);
        this.#heads.hear(person, head);
      },
      kinds: {
        "keys-wanted": (person, epochIds) => this.#keyring.answer(person, epochIds),
        keys: (person, entries) => this.#keyring.take(person, entries),
        "file-wanted": (person, fields) =>
          void this.files.serve(person, fields).catch(ignoreFailure),
        "file-chunk": (person, fields) => this.files.takeChunk(person, fields),
        "file-gone": (person, [fileId]) => this.files.gone(person, fileId),
        "file-enough": (person, [fileId]) => this.files.enough(person, fileId),
      },
    };
  }

  get name() {
    return this.#me.name;
  }

  #card() {
    const text = this.#me.card();
    this.roster.addCard(text, Date.now());
    return text;
  }

  /**
   * Show the others a new name; who is not connected does so on coming back.
   *
   * @param {string} name
   */
  async rename(name) {
    this.#me.name = name;
    const publicKey = this.#card();
    this.peopleChanged();
    await this.keepMe();
    if (this.relay.isJoined) await this.relay.ask("save-public-key", { publicKey });
  }

  /** @param {Joined} joined */
  #joined(joined) {
    this.#me.joined(joined.memberToken);
    void this.keepMe();
    this.#attendance.update(joined.members, this.#isRestored);
    this.setLocked(joined.locked);
    this.#setState("catching-up");
    this.#intake.catchUp(joined);
  }

  /** @param {Joined} joined */
  #caughtUp({ seq, truncated }) {
    if (!this.relay.isJoined) return;
    this.#advance(seq);
    for (const { memberId, count } of this.#chains.vanished()) {
      this.#notices.add(truncated ? "trimmed" : "rolled-back", memberId, count, Date.now());
    }
    this.sender.resume((messageId) => this.#receiver.hasOwn(messageId), !truncated);
    this.#heads.start();
    this.#keyring.retry("everybody");
    this.files.restart();
    this.#setState("connected");
  }

  #down() {
    this.#stop();
    this.#attendance.down();
    if (this.state !== "ended") this.#setState("reconnecting");
  }

  /** @param {import("./intake.js").Incoming} incoming */
  async #take(incoming) {
    if (incoming.type === "caught-up") return this.#caughtUp(incoming.joined);
    if (incoming.type === "own") return this.#noteOwn(incoming.signed);
    if (incoming.type === "signal") return this.#takeSignal(incoming.signal);
    if (incoming.type === "seq") return this.#advance(incoming.seq);
    if (incoming.type === "left") return this.#attendance.left(incoming.code, incoming.memberId);
    if (incoming.type === "downloaded") return this.#fileNews.downloaded(incoming.told);
    if (incoming.type === "message") return this.#takeMessage(incoming);
    if (incoming.type === "ended") return this.end(incoming.reason);
    // What waits for the card of its sender comes before what the sender says now.
    this.#receiver.retry();
    if (incoming.type === "arrived") return;
    if (incoming.joined.truncated) this.#chains.trim(this.roster.all.map(({ id }) => id));
  }

  /** @param {import("./sender.js").Signed} signed */
  #noteOwn(signed) {
    this.#receiver.noteOwn(signed);
    this.keeper.soon("chains", "epochs");
  }

  /** @param {RelaySignal} signal */
  async #takeSignal(signal) {
    await this.#postman.take(signal);
    // Else the relay could tell again after a reload what was heard while nobody wrote.
    this.keeper.soon("numbers");
  }

  /** @param {{relayed: RelayMessage, isHistory: boolean, isTrimmed: boolean}} incoming */
  #takeMessage({ relayed, isHistory, isTrimmed }) {
    this.#receiver.take(relayed, isHistory, isTrimmed);
    this.#advance(relayed.seq);
    this.keeper.soon();
  }

  /** @param {RelayMember[]} members */
  #hearMembers(members) {
    const arrived = this.#attendance.update(members, this.#isRestored);
    if (arrived.length > 0) this.#intake.put({ type: "arrived" });
    this.#keyring.retry(arrived);
    this.files.retry();
  }

  /** @param {boolean} isLocked */
  setLocked(isLocked) {
    this.isLocked = isLocked;
    this.emit("locked", null);
  }

  /**
   * The relay has ended it: what has come by then is looked at first, as it will not come again.
   *
   * @param {string} reason
   */
  #endSoon(reason) {
    this.#stop();
    this.#intake.put({ type: "ended", reason });
  }

  /** @param {string} reason */
  end(reason) {
    this.#stop();
    this.keeper.stop();
    this.sender.stop(reason);
    this.files.stop();
    this.removals.stop();
    this.#intake.clear();
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
    this.#seq = Math.max(this.#seq, seq);
  }

  /** @param {import("./entries.js").MessageEntry} entry */
  #tellOwn(entry) {
    this.#receiver.reserve(entry.id);
    this.#fileNews.tell(entry);
    if (entry.content?.kind !== "remove") return;
    this.#attendance.removed(entry.content.member);
    this.removals.run();
  }

  peopleChanged() {
    this.emit("people", null);
    this.removals.run();
    this.keeper.soon();
  }

  keepMe() {
    return this.keeper.keep("me", this.#me.export());
  }
}

/** What fails here is done again after the next connection, or does not matter then. */
export function ignoreFailure() {}
