/** People who use the client library, and remember what it told them. */

import { Session } from "../../../server/web/hushwire.js";
import { until } from "./until.js";

/** @typedef {import("../../../server/web/client/entries.js").Entry} Entry */

/** Heads often enough that a test need not wait for them; nobody is silent by accident. */
export const QUICK = { head: 500, grace: 100, silent: 60_000, stall: 400 };

export class Person {
  /** @type {Map<string, Entry>} By id, in the order in which they came. */
  entries = new Map();
  /** @type {Entry[]} All that was ever told. */
  told = [];
  /** @type {{state: string, reason: string | null}[]} */
  states = [];
  /** @type {Record<string, any>} What was kept last, by part, as after a trip through JSON. */
  kept = {};

  /**
   * @param {string} name
   * @param {Session} session
   */
  constructor(name, session) {
    this.name = name;
    this.session = session;
    session.on("entry", (entry) => {
      this.told.push(entry);
      this.entries.set(entry.id, entry);
    });
    session.on("state", (told) => this.states.push(told));
  }

  get id() {
    return this.session.id;
  }

  get state() {
    return this.session.state;
  }

  /** Texts of others, in the order in which they came. */
  get heard() {
    return this.messages.filter(({ status }) => status === "received").map(textOf);
  }

  /** All messages that are there now. */
  get messages() {
    return [...this.entries.values()].filter((entry) => entry.type === "message");
  }

  /** @param {string} code */
  notices(code) {
    return [...this.entries.values()].filter(
      (entry) => entry.type === "notice" && entry.code === code,
    );
  }

  /** Codes of the notices that a relay which does its work never causes. */
  get alarms() {
    const quiet = ["arrived", "left", "lost", "removed", "trimmed"];
    const codes = [...this.entries.values()].flatMap((entry) =>
      entry.type === "notice" && !quiet.includes(entry.code) ? [entry.code] : [],
    );
    const refused = this.messages.filter(({ status }) => status === "refused");
    return [...codes, ...refused.map(({ reason }) => `refused: ${reason}`)];
  }

  /** @param {string} id */
  entry(id) {
    return this.entries.get(id);
  }

  /** @param {string} text */
  message(text) {
    return this.messages.find((entry) => textOf(entry) === text);
  }

  /** @param {string} id */
  person(id) {
    return this.session.people.find((person) => person.id === id);
  }

  /** @param {...string} texts */
  async hears(...texts) {
    await until(
      () => texts.every((text) => this.heard.includes(text)),
      () => ({ who: this.name, wanted: texts, heard: this.heard, ...this.summary() }),
    );
  }

  /**
   * @param {string} code
   * @returns {Promise<any>}
   */
  async learns(code) {
    return until(
      () => this.notices(code)[0],
      () => ({ who: this.name, wanted: code, ...this.summary() }),
    );
  }

  /** @param {string} state */
  async is(state) {
    await until(
      () => this.state === state,
      () => ({ who: this.name, wanted: state, states: this.states }),
    );
    return this;
  }

  /** @param {...Person} others */
  async sees(...others) {
    await until(
      () => others.every(({ id }) => this.person(id)?.isPresent && this.person(id)?.card),
      () => ({ who: this.name, people: this.session.people.map(({ card }) => card?.name) }),
    );
  }

  /**
   * @param {string} id Of a message.
   * @param {string} status
   */
  async has(id, status) {
    return until(
      () => this.messages.find((entry) => entry.id === id && entry.status === status),
      () => ({ who: this.name, wanted: status, entry: this.entry(id), ...this.summary() }),
    );
  }

  /**
   * Its page goes away, as by a crash: what was kept until now is all that is left.
   *
   * @returns {this}
   */
  vanish() {
    this.kept = structuredClone(this.kept);
    this.session.close();
    return this;
  }

  summary() {
    return {
      state: this.state,
      alarms: this.alarms,
      messages: this.messages.map((one) => [textOf(one), one.status, one.reason]),
    };
  }
}

/** @param {any} entry */
function textOf(entry) {
  return entry.content?.text ?? entry.content?.file?.name ?? entry.content?.kind ?? null;
}

/** Sessions of one test: they end with it. */
export class Company {
  #t;
  #url;
  #options;

  /**
   * @param {import("node:test").TestContext} t
   * @param {string} url
   * @param {Record<string, unknown>} [options] For all sessions.
   */
  constructor(t, url, options = {}) {
    this.#t = t;
    this.#url = url;
    this.#options = options;
  }

  /**
   * Make the session.
   *
   * @param {string} name
   * @param {Record<string, unknown>} [options]
   */
  async create(name, options = {}) {
    const [whole, vault] = this.#whole(name, options);
    const person = new Person(name, await Session.create(whole));
    this.link = person.session.link.fragment;
    return this.#begin(person, vault);
  }

  /**
   * Come in by the link.
   *
   * @param {string} name
   * @param {Record<string, unknown>} [options]
   */
  async open(name, options = {}) {
    const [whole, vault] = this.#whole(name, options);
    return this.#begin(new Person(name, await Session.open(this.link, whole)), vault);
  }

  /**
   * Come back after a reload, with what was kept.
   *
   * @param {Person} person Whose page has gone.
   * @param {Record<string, unknown>} [options]
   */
  restore(person, options = {}) {
    const [whole, vault] = this.#whole(person.name, options);
    Object.assign(vault.parts, person.kept);
    const session = Session.restore(structuredClone(person.kept), whole);
    return this.#begin(new Person(person.name, session), vault);
  }

  /**
   * All of them, in one session, seeing each other.
   *
   * @param {...string} names
   */
  async gather(...names) {
    const [first, ...rest] = names;
    const people = [await (await this.create(first)).is("connected")];
    for (const name of rest) people.push(await (await this.open(name)).is("connected"));
    for (const one of people) await one.sees(...people);
    return people;
  }

  /**
   * @param {Person} person
   * @param {{parts: Record<string, unknown>}} vault
   */
  #begin(person, vault) {
    person.kept = vault.parts;
    this.#t.after(() => person.session.close());
    person.session.connect();
    return person;
  }

  /**
   * @param {string} name
   * @param {Record<string, unknown>} options
   * @returns {[any, {parts: Record<string, unknown>}]}
   */
  #whole(name, options) {
    const vault = memoryVault();
    return [{ url: this.#url, name, pace: QUICK, vault, ...this.#options, ...options }, vault];
  }
}

/** A vault that keeps values as a browser would: as text. */
function memoryVault() {
  const parts = /** @type {Record<string, unknown>} */ ({});
  return {
    parts,
    keep: async (/** @type {string} */ part, /** @type {unknown} */ value) => {
      parts[part] = JSON.parse(JSON.stringify(value));
    },
    forget: async () => {
      for (const part of Object.keys(parts)) delete parts[part];
    },
  };
}
