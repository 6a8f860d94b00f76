// @ts-check
/** One's stay in a group: how it follows what the relay tells, and comes back after a lost line. */

import { MalformedError } from "../../protocol/bytes.js";
import { readWish } from "../../protocol/strangers/keys.js";
import { placeOf } from "../../protocol/strangers/place.js";
import { Notices } from "../notices.js";
import { RelayError } from "../relay.js";
import { Backlog } from "./backlog.js";
import { Epochs } from "./epochs.js";
import { StrangerInbox } from "./inbox.js";
import { StrangerKeyring } from "./keyring.js";
import { StrangerOutbox } from "./outbox.js";
import { GROUP_PACE } from "./pace.js";
import { People } from "./people.js";
import { Roll } from "./roll.js";
import { epochOf, fieldsOf, groupIdOf, groupOf, messageOf, personOf, typingOf } from "./told.js";

/**
 * @typedef {import("./group.js").GroupEvents} GroupEvents
 * @typedef {import("./group.js").GroupState} GroupState
 * @typedef {import("./people.js").Stranger} Stranger
 * @typedef {import("./told.js").ToldMessage} ToldMessage
 * @typedef {<Name extends keyof GroupEvents>(event: Name, told: GroupEvents[Name]) => void} Emit
 */

export class Stay {
  #parts;
  #emit;
  #pace;
  #roll;
  #notices;
  #backlog;
  #tick;

  /** @type {GroupState} */
  state = "open";

  /**
   * @param {import("./told.js").ToldGroup} told
   * @param {import("./group.js").GroupParts} parts
   * @param {Emit} emit
   */
  constructor(told, parts, emit) {
    this.#parts = parts;
    this.#emit = emit;
    this.#pace = { ...GROUP_PACE, ...parts.pace };
    this.groupId = told.id;
    this.place = placeOf(told.id);
    this.people = new People(parts.card);
    this.epochs = new Epochs(this.place);
    this.#notices = new Notices((notice) => emit("entry", notice));
    const { place, people, epochs } = this;
    const shared = { place, identity: parts.identity, people, epochs, pace: this.#pace };
    this.#backlog = new Backlog(told.seq, {
      ask: (event, payload) => this.ask(event, payload),
      isOpen: () => parts.wire.isOpen,
      take: (message, isHistory) => this.#takeMessage(message, isHistory),
    });
    this.keyring = new StrangerKeyring(shared, {
      accepted: (person, note) => this.#heardOf(person, note),
      trouble: (code, person) => this.#notice(code, person.userId),
    });
    this.inbox = new StrangerInbox(
      { ...shared, keyring: this.keyring },
      {
        tell: (entry) => emit("entry", entry),
        trouble: (code, person, count = 1) => this.#notice(code, person.userId, count),
      },
    );
    this.outbox = new StrangerOutbox({
      ...shared,
      groupId: told.id,
      wire: parts.wire,
      isHeld: () => this.keyring.isHolding || this.state !== "open",
      tell: (entry) => {
        this.inbox.reserve(entry.id);
        emit("entry", entry);
      },
    });
    this.#roll = new Roll(shared, {
      notice: (code, userId) => this.#notice(code, userId),
      replaced: () => this.end("replaced"),
      followed: (isNew) => this.#followed(isNew),
    });
    this.#tick = setInterval(() => this.#lookAround(), this.#pace.tick);
    this.#roll.follow(told);
  }

  get #userId() {
    return this.people.self.userId;
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   */
  ask(event, payload) {
    return this.#parts.wire.ask(event, { groupId: this.groupId, ...payload });
  }

  /**
   * Take what the relay tells.
   *
   * @param {string} event
   * @param {unknown} data
   */
  hear(event, data) {
    if (this.state === "ended") return;
    if (event === "joined_group") return this.#rejoined(groupOf(fieldsOf(data).group));
    const groupId = event === "new_message" ? fieldsOf(data).groupId : groupIdOf(data);
    if (groupId !== this.groupId) return;
    if (event === "key_rotation_needed") this.#roll.follow(epochOf(data));
    else if (event === "new_message") this.#hearMessage(messageOf(data));
    else if (event === "user_left") this.#departed(personOf(data));
    else if (event === "user_typing") this.#heardTyping(typingOf(data));
    else if (event === "group_closed") this.end(endingOf(data));
  }

  /** The connection was lost. */
  down() {
    if (this.state === "ended") return;
    this.epochs.away();
    this.#backlog.down();
    if (this.state === "open") this.#setState("reconnecting");
  }

  /** It is there again: see whether we are still in, and get what was missed. */
  async up() {
    if (this.state !== "reconnecting") return;
    try {
      if (!(await this.#backlog.up())) return;
    } catch (error) {
      if (!(error instanceof RelayError)) throw error;
      return this.end("lost");
    }
    this.#setState("open");
    this.keyring.askAgain();
    this.outbox.changed();
    this.outbox.run();
  }

  /** @param {string} reason */
  end(reason) {
    if (this.state === "ended") return;
    clearInterval(this.#tick);
    this.#backlog.stop();
    this.#setState("ended", reason);
    this.outbox.stop(reason);
  }

  /** Whom one sends to, or believes, is another matter now. */
  reconsider() {
    this.inbox.retry(Date.now());
    this.outbox.changed();
    this.peopleChanged();
  }

  peopleChanged() {
    this.#emit("people", null);
  }

  // --- who is there ---

  /** @param {import("./told.js").ToldGroup | null} told */
  #rejoined(told) {
    if (told?.id === this.groupId) this.#roll.follow(told);
    else if (told) this.end("replaced");
  }

  /** @param {boolean} isNew */
  #followed(isNew) {
    if (isNew) {
      this.keyring.retry();
      this.inbox.retry(Date.now());
      this.#emit("epoch", { epoch: this.epochs.newest });
      this.outbox.changed();
      this.outbox.run();
    }
    this.peopleChanged();
  }

  /** @param {import("./told.js").ToldPerson | null} told */
  #departed(told) {
    if (told?.userId === this.#userId) this.end(told.reason || "left");
    else if (told) this.#roll.noteReason(told);
  }

  /** @param {{userId: string, isTyping: boolean} | null} told */
  #heardTyping(told) {
    if (told && !this.people.get(told.userId)?.isBlocked) this.#emit("typing", told);
  }

  // --- what is said ---

  /** @param {ToldMessage | null} message */
  #hearMessage(message) {
    if (message) this.#backlog.hear(message);
  }

  /**
   * @param {ToldMessage} message
   * @param {boolean} isHistory
   */
  #takeMessage(message, isHistory) {
    const nowMs = Date.now();
    if (message.senderId === this.#userId) return;
    if (message.isKeys) this.#takeKeys(message, nowMs);
    else this.inbox.take(message, isHistory, nowMs);
  }

  /**
   * @param {ToldMessage} message
   * @param {number} nowMs
   */
  #takeKeys({ senderId, encrypted }, nowMs) {
    const person = this.people.get(senderId);
    if (!person?.card || person.isBlocked) return;
    const wanted = readWish(this.place, encrypted);
    if (wanted) return this.outbox.answer(senderId, wanted, nowMs);
    try {
      this.keyring.take(person, encrypted, nowMs);
    } catch (error) {
      // Another client's are nothing of ours; those of a new card wait until they are asked for.
      const isOurs = !(error instanceof MalformedError) && !person.isChanged;
      if (isOurs) this.#notice("forged", senderId);
    }
    return undefined;
  }

  /**
   * @param {Stranger} person
   * @param {import("../../protocol/strangers/keys.js").KeysNote} note
   */
  #heardOf(person, note) {
    const wasHeard = person.isHeard;
    person.isHeard = true;
    this.inbox.anchor(person, note);
    this.inbox.retry(Date.now());
    if (!wasHeard) this.peopleChanged();
  }

  /** What is due by now. */
  #lookAround() {
    const nowMs = Date.now();
    if (this.state !== "open") return;
    const { wanted, lacking } = this.keyring.due(nowMs);
    for (const { userId, chainIds } of wanted) this.outbox.wish(userId, chainIds);
    this.inbox.lack(lacking);
    // What could not be asked for, as so much else was, can be now.
    if (lacking.size > 0 || this.inbox.isImpatient(nowMs)) this.inbox.retry(nowMs);
    for (const { userId } of this.keyring.overdue(nowMs)) {
      this.#notice("told-less", userId);
      this.outbox.run();
    }
  }

  /**
   * @param {import("../entries.js").NoticeCode} code
   * @param {string | null} userId
   * @param {number} [count]
   */
  #notice(code, userId, count = 0) {
    this.#notices.add(code, userId, count, Date.now());
    if (code === "behind") this.peopleChanged();
  }

  /**
   * @param {GroupState} state
   * @param {string | null} reason
   */
  #setState(state, reason = null) {
    this.state = state;
    this.#emit("state", { state, reason });
  }
}

/** @param {unknown} data */
function endingOf(data) {
  const { reason } = fieldsOf(data);
  return reason === "removed" || reason === "signed_out" ? reason : "expired";
}
