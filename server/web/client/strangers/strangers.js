// @ts-check
/** One's visits to random groups: who one is for the relay, and one group after the other. */

import { nameProblem } from "../../protocol/card.js";
import { Identity } from "../../protocol/identity.js";
import { makeStrangerCard, readStrangerCard } from "../../protocol/strangers/cards.js";
import { addressIn } from "../address.js";
import { refusalOf } from "../heard.js";
import { OfflineError, RelayError } from "../relay.js";
import { Group } from "./group.js";
import { fieldsOf, groupOf, textOf, userIdOf } from "./told.js";
import { Wire } from "./wire.js";

const UNNAMED = "guest";
const MAX_TOKEN_CHARS = 8_192;
const CONNECT_LIMIT_MS = 15_000;

/**
 * @typedef {object} StrangersOptions
 * @property {string} url Of the relay, or of the folder that it is in.
 * @property {string} [login] The pseudonym that a guest wishes to have.
 * @property {string} [token] Of an account; without one, a guest is made.
 * @property {() => Promise<string>} [renew] A new token of the same user, when one has run out.
 * @property {Partial<import("./pace.js").GroupPace>} [pace]
 *
 * @typedef {{id: string, login: string}} User
 */

export class Strangers {
  #options;
  #token;
  #wire;
  /** @type {Group | null} */
  #group = null;
  /** @type {RelayError | null} */
  #refusal = null;

  /**
   * @param {StrangersOptions} options
   * @param {string} token
   * @param {User} user
   */
  constructor(options, token, user) {
    this.#options = options;
    this.#token = token;
    this.user = user;
    this.#wire = new Wire(options.url, () => this.#token);
    this.#wire.on("heard", ({ event, data }) => this.#hear(event, data));
    this.#wire.on("down", () => this.#group?.down());
    this.#wire.on("up", () => void this.#group?.up());
    this.#wire.on("refused", (refusal) => {
      this.#refusal = refusal;
      this.#group?.end(refusal.code);
    });
  }

  /**
   * Become known to the relay: by a token, or as a guest.
   *
   * @param {StrangersOptions} options
   * @throws {RelayError | OfflineError}
   */
  static async enter(options) {
    const { url, login, token } = options;
    if (token) {
      const { user } = await request(url, "GET", "api/auth/me", { token });
      return new Strangers(options, token, userOf(user));
    }
    const said = await request(url, "POST", "api/auth/guest", { body: login ? { login } : {} });
    const given = textOf(said.token, MAX_TOKEN_CHARS);
    if (!given) throw new RelayError(refusalOf(null));
    return new Strangers(options, given, userOf(said.user));
  }

  /** Who has it is this user: to be kept, if one is to be the same after a reload. */
  get token() {
    return this.#token;
  }

  /** The group where one is, if any. */
  get group() {
    return this.#group?.state === "ended" ? null : this.#group;
  }

  /**
   * Come into a group of people; into the same again if one is in one.
   *
   * @returns {Promise<Group>}
   * @throws {RelayError | OfflineError}
   */
  async meet() {
    await this.#connected();
    return this.#join("join_random_group", null);
  }

  /**
   * End the connection once there is no group any more.
   *
   * @param {Group} group The one where one is.
   * @returns {Group}
   */
  closeWithTheLast(group) {
    group.on("state", ({ state }) => {
      if (state !== "ended") return;
      if (this.#group === group) this.close();
      else if (this.#group) this.closeWithTheLast(this.#group);
    });
    return group;
  }

  /** End the connection; the others see it lost after a while. */
  close() {
    this.#group?.end("closed");
    this.#wire.close();
  }

  /**
   * @param {string} event
   * @param {Group | null} from The group that is left.
   * @returns {Promise<Group>}
   */
  async #join(event, from) {
    const identity = Identity.create();
    const { id, login } = this.user;
    const name = nameProblem(login) ? UNNAMED : login;
    const text = makeStrangerCard(identity, id, name, Date.now());
    const parts = {
      wire: this.#wire,
      identity,
      card: readStrangerCard(text, id),
      pace: this.#options.pace,
      moveOn: (/** @type {Group} */ group) => this.#join("next_group", group),
    };
    /** @type {Group | null} */
    let group = null;
    await this.#wire.ask(event, { publicKey: text }, (answer) => {
      const told = groupOf(answer.group);
      if (!told) return;
      const before = this.#group;
      group = new Group(told, parts);
      this.#group = group;
      before?.end(before === from ? "next" : "replaced");
    });
    if (!group) throw new RelayError(refusalOf(null));
    return group;
  }

  /**
   * @param {string} event
   * @param {unknown} data
   */
  #hear(event, data) {
    if (event === "auth-expired") void this.#renew();
    else this.#group?.hear(event, data);
  }

  async #renew() {
    try {
      const token = await this.#options.renew?.();
      if (!token) return this.#runOut();
      this.#token = token;
      await this.#wire.ask("auth-refresh", { token });
    } catch (error) {
      // Where the connection is lost, the next one comes with the new token.
      if (!(error instanceof OfflineError)) this.#runOut();
    }
    return undefined;
  }

  /** The relay refuses all that we say from now on, and takes us out after a while. */
  #runOut() {
    const refusal = { code: "token_expired", message: "the token has run out" };
    this.#refusal = new RelayError({ ...refusal, retryAfterMs: undefined });
    this.#group?.end(this.#refusal.code);
    this.#wire.close();
  }

  /** @returns {Promise<void>} */
  #connected() {
    if (this.#wire.isOpen) return Promise.resolve();
    if (this.#refusal) return Promise.reject(this.#refusal);
    return new Promise((resolve, reject) => {
      const done = (/** @type {Error | null} */ error) => {
        clearTimeout(limit);
        for (const end of ends) end();
        if (error) reject(error);
        else resolve();
      };
      const late = () => done(new OfflineError("the relay does not answer"));
      const limit = setTimeout(late, CONNECT_LIMIT_MS);
      const ends = [
        this.#wire.on("up", () => done(null)),
        this.#wire.on("refused", (refusal) => done(refusal)),
      ];
      this.#wire.connect();
    });
  }
}

/**
 * Come into a group of strangers at once; the connection ends with the last group.
 *
 * @param {StrangersOptions} options
 */
export async function meet(options) {
  const strangers = await Strangers.enter(options);
  try {
    return strangers.closeWithTheLast(await strangers.meet());
  } catch (error) {
    strangers.close();
    throw error;
  }
}

/**
 * @param {string} url
 * @param {string} method
 * @param {string} path
 * @param {{body?: object, token?: string}} said
 * @returns {Promise<Record<string, unknown>>}
 */
async function request(url, method, path, { body, token }) {
  /** @type {Record<string, string>} */
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  if (body) headers["content-type"] = "application/json";
  let answer;
  try {
    const sent = body ? JSON.stringify(body) : undefined;
    const response = await fetch(addressIn(url, path), { method, headers, body: sent });
    answer = fieldsOf(await response.json());
  } catch {
    throw new OfflineError("the relay does not answer");
  }
  if (answer.success !== true) throw new RelayError(refusalOf(answer));
  return answer;
}

/**
 * @param {unknown} told
 * @returns {User}
 */
function userOf(told) {
  const { id, login } = fieldsOf(told);
  const userId = userIdOf(id);
  if (!userId) throw new RelayError(refusalOf(null));
  return { id: userId, login: textOf(login, 256) ?? "" };
}
