/** A member with the link who does not use the library: it can say whatever it can sign. */

import { Identity, Link } from "../../../server/web/hushwire.js";
import { toBase64url } from "../../../server/web/protocol/bytes.js";
import { makeCard, readCard } from "../../../server/web/protocol/card.js";
import { NO_HASH } from "../../../server/web/protocol/chain.js";
import { MESSAGE_TYPE, makeEnvelope } from "../../../server/web/protocol/envelope.js";
import { Epoch, recipientsHash, wrapKeys } from "../../../server/web/protocol/epoch.js";
import { NO_BYTES, randomBytes } from "../../../server/web/protocol/primitives.js";
import { makeHead, makeSignal } from "../../../server/web/protocol/signals.js";
import { io } from "../../../server/web/vendor/socket.io-client.js";
import { until } from "../scene/until.js";

export class Mallory {
  /** @type {[string, any][]} */
  heard = [];
  /** @type {{number: number, hash: Uint8Array}} */
  end = { number: 0, hash: NO_HASH };
  #signals = Date.now();

  /** @type {Map<string, any>} Those that were checked, by their texts. */
  #cards = new Map();

  /**
   * @param {string} url
   * @param {string} fragment
   */
  constructor(url, fragment) {
    this.link = Link.parse(fragment);
    this.identity = Identity.create();
    this.socket = io(url, { transports: ["websocket"], forceNew: true });
    this.socket.onAny((/** @type {string} */ event, /** @type {any} */ data) => {
      this.heard.push([event, data]);
    });
  }

  /**
   * @param {import("node:test").TestContext} t
   * @param {string} url
   * @param {string} fragment
   */
  static async join(t, url, fragment) {
    const mallory = new Mallory(url, fragment);
    t.after(() => mallory.socket.disconnect());
    mallory.joined = await mallory.ask("join-session", {
      userId: mallory.identity.id,
      publicKey: mallory.card("Mallory"),
      authKey: mallory.link.authKey,
    });
    return mallory;
  }

  get id() {
    return this.identity.id;
  }

  /** @param {string} name */
  card(name) {
    return makeCard(this.link, this.identity, name, Date.now());
  }

  /**
   * @param {string} event
   * @param {Record<string, unknown>} payload
   */
  async ask(event, payload) {
    const whole = { sessionId: this.link.relaySessionId, ...payload };
    const answer = await this.socket.timeout(5_000).emitWithAck(event, whole);
    if (!answer.success) throw new Error(`${event}: ${answer.error}`);
    return answer;
  }

  get ownCard() {
    return readCard(this.link, this.card("Mallory"));
  }

  /** The cards of all who are there. */
  get cards() {
    const [, members] = this.heard.findLast(([event]) => event === "public-keys-updated") ?? [];
    return members.map((/** @type {any} */ { publicKey }) => {
      // To check a card takes long, and some plots want them hundreds of times.
      const card = this.#cards.get(publicKey) ?? readCard(this.link, publicKey);
      this.#cards.set(publicKey, card);
      return card;
    });
  }

  /**
   * An epoch of one's own, for whom one likes.
   *
   * @param {{audience?: Uint8Array, readers?: any[], from?: number}} [how]
   */
  epoch({ audience = NO_BYTES, readers = this.cards, from = 1 } = {}) {
    const memberIds = readers.map(({ memberId }) => memberId);
    const { sessionId } = this.link;
    const { memberId } = this.identity;
    const hash = recipientsHash(memberIds);
    const epoch = new Epoch(sessionId, memberId, audience, hash, randomBytes(32));
    const keys = wrapKeys(
      this.link,
      epoch,
      readers.map((card) => ({ ...card, from })),
    );
    return { epoch, keys };
  }

  /**
   * A message of one's own, signed; nothing of it need be true.
   *
   * @param {{epoch: Epoch, keys: Uint8Array}} epoch
   * @param {any} [said]
   * @returns {any} For `send-message`, with `hash` and `number`.
   */
  message({ epoch, keys }, { kind = "text", content = { text: "hello" }, ...said } = {}) {
    const whole = {
      messageId: toBase64url(randomBytes(16)),
      kind,
      number: this.end.number + 1,
      previous: this.end.hash,
      sentMs: Date.now(),
      keys,
      ...said,
    };
    const { bytes, hash } = makeEnvelope(this.link, this.identity, epoch, whole, content);
    this.end = { number: whole.number, hash };
    return {
      id: whole.messageId,
      to: epoch.audience.length > 0 ? toBase64url(epoch.audience) : null,
      type: MESSAGE_TYPE,
      encrypted: toBase64url(bytes),
    };
  }

  /**
   * @param {{epoch: Epoch, keys: Uint8Array}} epoch
   * @param {any} [said]
   */
  async send(epoch, said) {
    const message = this.message(epoch, said);
    await this.ask("send-message", message);
    return message;
  }

  /**
   * @param {string} id
   * @param {string} kind
   * @param {Uint8Array[]} fields
   * @param {number} [signalNumber]
   */
  signal(id, kind, fields, signalNumber = this.#signals++) {
    const receiver = this.cards.find((/** @type {any} */ card) => card.id === id);
    return makeSignal(this.link, this.identity, receiver, { signalNumber, kind, fields });
  }

  /** @param {any} said */
  head(said) {
    const whole = { signalNumber: this.#signals++, ...this.end, alone: [], ...said };
    return makeHead(this.link, this.identity, whole);
  }

  /**
   * @param {string} event
   * @param {(data: any) => boolean} [fits]
   */
  async hears(event, fits = () => true) {
    const isIt = (/** @type {[string, any]} */ [name, data]) => name === event && fits(data);
    return (await until(() => this.heard.find(isIt)))[1];
  }
}
