/** People who meet strangers through a real server, and remember what they were told. */

import { Strangers } from "../../../server/web/hushwire.js";
import { until } from "../scene/until.js";

const QUICK = { tick: 20, settle: 50, patience: 200, asking: 300, answering: 50, behind: 600 };
/** In any group of a test. */
const MOST = 6;
const QUIET = ["arrived", "left", "lost", "removed"];

export class Visitor {
  /** @type {Map<string, any>} By id, in the order in which they came; of the group where one is. */
  entries = new Map();
  /** @type {any[]} */
  states = [];
  /** @type {any[]} */
  typing = [];
  /** @type {number[]} */
  epochs = [];
  /** @type {import("../../../server/web/hushwire.js").Group} */
  group = /** @type {any} */ (null);

  /** @param {Strangers} strangers */
  constructor(strangers) {
    this.strangers = strangers;
  }

  /**
   * @param {import("node:test").TestContext} t
   * @param {string} url
   * @param {string} login
   * @param {object} [options]
   * @param {string} [via] The relay through which all is heard, if it is another.
   */
  static async enter(t, url, login, options = {}, via = url) {
    const known = await Strangers.enter({ url, login, pace: QUICK, ...options });
    const there = { url: via, pace: QUICK };
    const strangers = via === url ? known : new Strangers(there, known.token, known.user);
    t.after(() => strangers.close());
    return new Visitor(strangers);
  }

  /**
   * All of them in one group, who have heard of each other.
   *
   * @param {import("node:test").TestContext} t
   * @param {string} url
   * @param {...string} logins
   */
  static async gather(t, url, ...logins) {
    const visitors = [];
    for (const login of logins) {
      const one = await Visitor.enter(t, url, login);
      await one.meet();
      if (visitors.length === 0) await one.seekRoom();
      visitors.push(one);
    }
    for (const one of visitors) await one.hearsOf(...visitors);
    return visitors;
  }

  async meet() {
    return this.follow(await this.strangers.meet());
  }

  /** Groups are of 3 to 10: move on until this one takes all that a test can bring. */
  async seekRoom() {
    while (this.group.maxMembers < MOST) await this.next();
  }

  async next() {
    return this.follow(await this.group.next());
  }

  /** @param {import("../../../server/web/hushwire.js").Group} group */
  follow(group) {
    this.entries = new Map();
    this.states = [];
    this.group = group;
    group.on("entry", (entry) => this.entries.set(entry.id, entry));
    group.on("state", (told) => this.states.push(told));
    group.on("typing", (told) => this.typing.push(told));
    group.on("epoch", ({ epoch }) => this.epochs.push(epoch));
    return group;
  }

  get id() {
    return this.strangers.user.id;
  }

  get messages() {
    return [...this.entries.values()].filter(({ type }) => type === "message");
  }

  get heard() {
    return this.messages
      .filter(({ status }) => status === "received")
      .map(({ content }) => content.text);
  }

  get alarms() {
    return [...this.entries.values()].flatMap(({ type, code, status, reason }) => {
      if (type === "notice") return QUIET.includes(code) ? [] : [code];
      return ["refused", "unreadable"].includes(status) ? [`${status}: ${reason}`] : [];
    });
  }

  /** @param {Visitor} other */
  person(other) {
    return this.group.people.find(({ userId }) => userId === other.id);
  }

  /** @param {...Visitor} others */
  async hearsOf(...others) {
    await until(
      () => others.every((one) => this.person(one)?.isHeard && this.person(one)?.isPresent),
      () => ({ who: this.strangers.user, people: this.group.people, alarms: this.alarms }),
    );
  }

  /** @param {...string} texts */
  async hears(...texts) {
    await until(
      () => texts.every((text) => this.heard.includes(text)),
      () => ({ who: this.strangers.user, wanted: texts, seen: [...this.entries.values()] }),
    );
  }

  /** @param {string} alarm */
  async sees(alarm) {
    await until(
      () => this.alarms.includes(alarm),
      () => ({ who: this.strangers.user, wanted: alarm, seen: [...this.entries.values()] }),
    );
  }

  /** @param {string} reason */
  async ends(reason) {
    await until(
      () => this.states.some((told) => told.state === "ended" && told.reason === reason),
      () => ({ who: this.strangers.user, wanted: reason, states: this.states }),
    );
  }

  /**
   * @param {string} id
   * @param {string} status
   */
  async has(id, status) {
    return until(
      () => this.messages.find((one) => one.id === id && one.status === status),
      () => ({ who: this.strangers.user, wanted: status, messages: this.messages }),
    );
  }
}
