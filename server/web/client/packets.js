// @ts-check
/** Packets of Socket.IO, read as strictly as its client relies on. */

import { Decoder, Encoder } from "../vendor/socket.io-client.js";

const EVENT = /^(?:2|5\d+-)(?:\/[^,]*,)?\d*\[\s*"/;

/** Socket.IO's own raises outside of anybody's reach over an event without a name. */
class StrictDecoder extends Decoder {
  /** @param {any} frame */
  add(frame) {
    const isEvent = typeof frame === "string" && /^[25]/.test(frame);
    if (isEvent && !EVENT.test(frame)) throw new Error("an event without a name");
    super.add(frame);
  }
}

/** The `parser` of a connection. */
export const STRICT_PACKETS = { Encoder, Decoder: StrictDecoder };
