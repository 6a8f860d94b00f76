/**
 * A group as a relay keeps it, without a network: it does its work until a test has it cheat.
 *
 * Messages go to everybody at once, and in one order.
 */

import { OfflineError, RelayError } from "../../../server/web/client/relay.js";
import { Group } from "../../../server/web/client/strangers/group.js";
import { Identity } from "../../../server/web/hushwire.js";
import {
  makeStrangerCard,
  readStrangerCard,
} from "../../../server/web/protocol/strangers/cards.js";
import { until } from "../scene/until.js";

/** So that a test need not wait for what happens after a while. */
export const QUICK = { tick: 5, settle: 5, patience: 20, asking: 60, answering: 10, behind: 60 };

const QUIET = ["arrived", "left", "lost", "removed"];

export class Circle {
  id = "123e4567-e89b-12d3-a456-426614174000";
  epoch = 0;
  seq = 0;
  /** @type {Map<string, Guest>} Who is in, by user id. */
  guests = new Map();
  /** @type {Guest[]} Who has ever been in. */
  #everybody = [];
  /** @type {any[]} All messages. */
  history = [];

  /**
   * What somebody is told of who is there.
   *
   * @type {(members: any[], guest: Guest) => any[]}
   */
  list = (members) => members;

  /**
   * What of a message somebody is told, and how often.
   *
   * @type {(message: any, guest: Guest) => any[]}
   */
  pass = (message) => [message];

  /**
   * Who is told of a new epoch.
   *
   * @type {(guest: Guest) => boolean}
   */
  tells = () => true;

  /** @param {import("node:test").TestContext} t */
  constructor(t) {
    t.after(() => {
      for (const { group } of this.#everybody) group.end("closed");
    });
  }

  get members() {
    return [...this.guests.values()].map(({ userId, name, publicKey }) => ({
      userId,
      login: name,
      publicKey,
    }));
  }

  /**
   * @param {string} name
   * @param {object} [pace]
   */
  join(name, pace = {}) {
    const guest = new Guest(this, name, { ...QUICK, ...pace });
    this.guests.set(guest.userId, guest);
    this.#everybody.push(guest);
    this.epoch += 1;
    this.seq += 1;
    guest.enter();
    this.tell(guest, "user_joined", { userId: guest.userId, login: name });
    this.rotate(guest);
    return guest;
  }

  /**
   * All of them, who have heard of each other.
   *
   * @param {...string} names
   */
  async gather(...names) {
    const guests = names.map((name) => this.join(name));
    for (const one of guests) await one.hearsOf(...guests);
    return guests;
  }

  /** @param {Guest} guest */
  leave(guest) {
    this.guests.delete(guest.userId);
    this.epoch += 1;
    this.tell(guest, "user_left", { userId: guest.userId, login: guest.name, reason: "left" });
    this.rotate(guest);
  }

  /** @param {Guest | null} except Who knows already. */
  rotate(except) {
    for (const guest of this.guests.values()) {
      if (guest === except || !this.tells(guest)) continue;
      const members = this.list(this.members, guest);
      guest.hear("key_rotation_needed", { epoch: this.epoch, members });
    }
  }

  /**
   * @param {Guest} except
   * @param {string} event
   * @param {object} data
   */
  tell(except, event, data) {
    for (const guest of this.guests.values()) if (guest !== except) guest.hear(event, data);
  }

  /**
   * @param {Guest} sender
   * @param {any} said
   */
  send(sender, { encryptedMessage, messageType, to, id }) {
    const known = this.history.find((one) => one.id === id);
    if (known) return known;
    this.seq += 1;
    const message = {
      id,
      groupId: this.id,
      senderId: sender.userId,
      senderLogin: sender.name,
      encryptedContent: encryptedMessage,
      messageType,
      timestamp: new Date().toISOString(),
      to: to ?? null,
      seq: this.seq,
    };
    this.history.push(message);
    for (const guest of this.guests.values()) {
      if (to && guest.userId !== to && guest !== sender) continue;
      for (const one of this.pass(message, guest)) guest.hear("new_message", one);
    }
    return message;
  }
}

/** One member: its group, and all that it was told. */
export class Guest {
  /** @type {Map<string, any>} By id, in the order in which they came. */
  entries = new Map();
  /** @type {any[]} */
  states = [];
  /** @type {any[]} What it has asked the relay. */
  asked = [];
  isOnline = true;
  /** @type {Group} */
  group = /** @type {any} */ (null);

  /**
   * @param {Circle} circle
   * @param {string} name
   * @param {object} pace
   */
  constructor(circle, name, pace) {
    this.circle = circle;
    this.name = name;
    this.userId = `u-${name}`;
    this.pace = pace;
    this.identity = Identity.create();
    this.publicKey = makeStrangerCard(this.identity, this.userId, name, Date.now());
  }

  enter() {
    const { id, epoch, seq } = this.circle;
    const members = this.circle.list(this.circle.members, this);
    const parts = {
      wire: this,
      identity: this.identity,
      card: readStrangerCard(this.publicKey, this.userId),
      pace: this.pace,
      moveOn: () => Promise.reject(new Error("nowhere")),
    };
    this.group = new Group({ id, name: "Tea", maxMembers: 10, epoch, members, seq }, parts);
    this.group.on("entry", (entry) => this.entries.set(entry.id, entry));
    this.group.on("state", (told) => this.states.push(told));
  }

  // --- as the connection of its group ---

  get isOpen() {
    return this.isOnline;
  }

  /**
   * @param {string} event
   * @param {any} payload
   * @param {(answer: any) => void} [succeeded]
   */
  async ask(event, payload, succeeded) {
    if (!this.isOnline) throw new OfflineError("there is no connection");
    this.asked.push({ event, ...payload });
    const answer = this.#answer(event, payload);
    succeeded?.(answer);
    return answer;
  }

  /**
   * @param {string} event
   * @param {any} payload
   */
  #answer(event, payload) {
    const { circle } = this;
    if (circle.guests.get(this.userId) !== this) {
      throw new RelayError({ code: "not_found", message: "", retryAfterMs: undefined });
    }
    if (event === "send_group_message") return { success: true, ...circle.send(this, payload) };
    if (event === "get_group_messages") return { messages: circle.history, hasMore: false };
    return { success: true };
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  hear(event, data) {
    if (this.isOnline) this.group.hear(event, { groupId: this.circle.id, ...data });
  }

  lose() {
    this.isOnline = false;
    this.group.down();
  }

  async comeBack() {
    const { id, epoch, seq, members } = this.circle;
    this.isOnline = true;
    this.hear("joined_group", {
      group: { id, epoch, seq, members: this.circle.list(members, this) },
    });
    await this.group.up();
  }

  // --- what it sees ---

  get messages() {
    return [...this.entries.values()].filter(({ type }) => type === "message");
  }

  /** Texts of others, in the order in which they came. */
  get heard() {
    return this.messages.filter(({ status }) => status === "received").map(textOf);
  }

  /** What a relay that does its work never causes. */
  get alarms() {
    return [...this.entries.values()].flatMap(({ type, code, status, reason }) => {
      if (type === "notice") return QUIET.includes(code) ? [] : [code];
      return ["refused", "unreadable"].includes(status) ? [`${status}: ${reason}`] : [];
    });
  }

  /** @param {Guest} other */
  person(other) {
    return this.group.people.find(({ userId }) => userId === other.userId);
  }

  /** @param {...Guest} others */
  async hearsOf(...others) {
    await until(
      () => others.every((one) => this.person(one)?.isHeard),
      () => ({ who: this.name, people: this.group.people, alarms: this.alarms }),
    );
  }

  /** @param {...string} texts */
  async hears(...texts) {
    await until(
      () => texts.every((text) => this.heard.includes(text)),
      () => ({ who: this.name, wanted: texts, messages: this.messages, alarms: this.alarms }),
    );
  }

  /** @param {string} alarm */
  async sees(alarm) {
    await until(
      () => this.alarms.includes(alarm),
      () => ({ who: this.name, wanted: alarm, messages: this.messages, alarms: this.alarms }),
    );
  }

  /**
   * @param {string} id
   * @param {string} status
   */
  async has(id, status) {
    return until(
      () => this.messages.find((one) => one.id === id && one.status === status),
      () => ({ who: this.name, wanted: status, messages: this.messages }),
    );
  }

  /** Whether all that it has said is settled. */
  async isSettled() {
    await until(() => this.messages.every(({ status }) => status !== "sending"));
  }
}

/** @param {any} entry */
function textOf(entry) {
  return entry.content?.text ?? null;
}
