/**
 * A hostile relay: it stands between clients and a real server, and does what a test tells it to.
 *
 * It knows what a relay knows: packets of Socket.IO. Until it is told otherwise, it is honest.
 */

import { createRequire } from "node:module";
import { until } from "../scene/until.js";

const require = createRequire(new URL("../../js/package.json", import.meta.url));
const { WebSocket: FarSocket, WebSocketServer } = require("ws");
const { Decoder, Encoder, PacketType } = require("socket.io-parser");

const MESSAGE = "4"; // of Engine.IO

/**
 * @typedef {object} Told What the server tells a client. An answer is told as `ack EVENT`.
 * @property {string} who User id of the client, of its token or as it has joined; empty before.
 * @property {string} event
 * @property {any} data
 *
 * @typedef {object} Asked What a client asks the server.
 * @property {string} who
 * @property {string} event
 * @property {any} data
 * @property {any} [answer] If it is there, the server is not asked.
 */

export class HostileRelay {
  /** @type {Set<Wire>} */
  #wires = new Set();
  #far;
  #server;
  url = "";
  /** @type {Told[]} All that the server has told. */
  told = [];
  /** @type {Asked[]} All that clients have asked. */
  asked = [];

  /**
   * What clients are told instead.
   *
   * @type {(told: Told) => {event: string, data: any}[]}
   */
  down = (told) => [told];

  /**
   * What the server is asked instead; null for nothing, and no answer either.
   *
   * @type {(asked: Asked) => Asked | null}
   */
  up = (asked) => asked;

  /** @param {string} url Of the real server. */
  constructor(url) {
    this.#far = url.replace("http", "ws");
    this.#server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
    this.#server.on("connection", (/** @type {any} */ near, /** @type {any} */ { url: path }) => {
      this.#wires.add(new Wire(this, near, this.#far + path));
    });
  }

  /**
   * @param {import("node:test").TestContext} t
   * @param {string} url
   */
  static async stand(t, url) {
    const relay = new HostileRelay(url);
    await new Promise((resolve) => relay.#server.once("listening", () => resolve(null)));
    relay.url = `http://127.0.0.1:${relay.#server.address().port}`;
    t.after(() => relay.#close());
    return relay;
  }

  /** Do the relay's work from now on. */
  behave() {
    this.down = (told) => [told];
    this.up = (asked) => asked;
  }

  /**
   * Tell somebody what the server never said.
   *
   * @param {string} who
   * @param {string} event
   * @param {any} data
   */
  say(who, event, data) {
    for (const wire of this.#of(who)) wire.say(event, data);
  }

  /**
   * Break somebody's connection.
   *
   * @param {string} who
   */
  cut(who) {
    for (const wire of this.#of(who)) wire.cut();
  }

  /**
   * Send somebody away, as Socket.IO does.
   *
   * @param {string} who
   */
  dismiss(who) {
    for (const wire of this.#of(who)) wire.send({ type: PacketType.DISCONNECT, nsp: "/" });
  }

  /**
   * Send text that may be no packet at all.
   *
   * @param {string} who
   * @param {string | Uint8Array} frame
   */
  sendFrame(who, frame) {
    for (const wire of this.#of(who)) wire.near.send(frame);
  }

  /**
   * Wait until the server has told somebody of something, and get it.
   *
   * @param {string} who
   * @param {string} event
   * @param {(data: any) => boolean} [fits]
   */
  async heard(who, event, fits = () => true) {
    const isIt = (/** @type {Told} */ one) =>
      one.who === who && one.event === event && fits(one.data);
    return (await until(() => this.told.find(isIt))).data;
  }

  /** @param {Wire} wire */
  forget(wire) {
    this.#wires.delete(wire);
  }

  /** @param {string} who */
  #of(who) {
    return [...this.#wires].filter((wire) => wire.who === who);
  }

  #close() {
    for (const wire of this.#wires) wire.cut();
    this.#server.close();
  }
}

/** One client's connection. */
class Wire {
  #relay;
  #far;
  /** @type {(string | Buffer)[]} For the server, until it is connected. */
  #early = [];
  /** @type {Map<number, string>} What was asked, by the number of the answer. */
  #questions = new Map();
  who = "";

  /**
   * @param {HostileRelay} relay
   * @param {any} near
   * @param {string} url
   */
  constructor(relay, near, url) {
    this.#relay = relay;
    this.near = near;
    this.#far = new FarSocket(url, { perMessageDeflate: false });
    this.#listen(
      near,
      (packet) => this.#ask(packet),
      (frame) => this.#sendFar(frame),
    );
    this.#listen(
      this.#far,
      (packet) => this.#tell(packet),
      (frame) => this.#sendNear(frame),
    );
    this.#far.on("open", () => {
      for (const frame of this.#early.splice(0)) this.#far.send(frame);
    });
  }

  /**
   * @param {string} event
   * @param {any} data
   */
  say(event, data) {
    this.send({ type: PacketType.EVENT, nsp: "/", data: [event, data] });
  }

  /** @param {any} packet */
  send(packet) {
    for (const frame of framesOf(packet)) this.#sendNear(frame);
  }

  cut() {
    this.#relay.forget(this);
    this.near.terminate();
    this.#far.terminate();
  }

  /**
   * @param {any} socket
   * @param {(packet: any) => void} take
   * @param {(frame: any) => void} pass
   */
  #listen(socket, take, pass) {
    const decoder = new Decoder();
    decoder.on("decoded", take);
    socket.on("message", (/** @type {Buffer} */ data, /** @type {boolean} */ isBinary) => {
      const text = String(isBinary ? "" : data);
      if (isBinary) decoder.add(data);
      else if (text.startsWith(MESSAGE)) decoder.add(text.slice(1));
      else pass(text);
    });
    socket.on("error", () => this.cut());
    socket.on("close", () => this.cut());
  }

  /** @param {any} packet Of the client. */
  #ask(packet) {
    if (packet.type === PacketType.CONNECT) this.who = subjectOf(packet.data?.token);
    if (packet.type !== PacketType.EVENT && packet.type !== PacketType.BINARY_EVENT) {
      for (const frame of framesOf(packet)) this.#sendFar(frame);
      return;
    }
    const [event, data] = packet.data;
    if (event === "join-session") this.who = data.userId;
    this.#questions.set(packet.id, event);
    this.#relay.asked.push({ who: this.who, event, data });
    const asked = this.#relay.up({ who: this.who, event, data });
    if (asked?.answer) {
      this.send({ type: PacketType.ACK, nsp: "/", id: packet.id, data: [asked.answer] });
    } else if (asked) {
      const instead = { ...packet, type: PacketType.EVENT, data: [asked.event, asked.data] };
      for (const frame of framesOf(instead)) this.#sendFar(frame);
    }
  }

  /** @param {any} packet Of the server. */
  #tell(packet) {
    if (!Array.isArray(packet.data)) return this.send(packet);
    const isAnswer = packet.type === PacketType.ACK || packet.type === PacketType.BINARY_ACK;
    const [event, data] = isAnswer
      ? [`ack ${this.#questions.get(packet.id)}`, packet.data[0]]
      : packet.data;
    this.#relay.told.push({ who: this.who, event, data });
    for (const one of this.#relay.down({ who: this.who, event, data })) {
      if (!one.event.startsWith("ack ")) this.say(one.event, one.data);
      else this.send({ type: PacketType.ACK, nsp: "/", id: packet.id, data: [one.data] });
    }
  }

  /** @param {any} frame */
  #sendNear(frame) {
    if (this.near.readyState === this.near.OPEN) this.near.send(frame);
  }

  /** @param {any} frame */
  #sendFar(frame) {
    if (this.#far.readyState === this.#far.OPEN) this.#far.send(frame);
    else this.#early.push(frame);
  }
}

/**
 * Of whom a token is; nobody's without one.
 *
 * @param {string | undefined} token
 */
function subjectOf(token) {
  if (!token) return "";
  return String(JSON.parse(Buffer.from(token.split(".")[1], "base64url").toString()).sub);
}

/** @param {any} packet */
function framesOf(packet) {
  const [text, ...buffers] = new Encoder().encode(packet);
  return [MESSAGE + text, ...buffers];
}
