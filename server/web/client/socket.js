// @ts-check
/** The way in which every client of a relay connects. */

import { io } from "../vendor/socket.io-client.js";
import { addressIn } from "./address.js";
import { STRICT_PACKETS } from "./packets.js";

/**
 * A socket of its own, not connected yet.
 *
 * @param {string} url Of the relay, or of the folder that it is in.
 * @param {() => object} [auth] What it says of itself, asked for anew at each connection.
 */
export function socketTo(url, auth = () => ({})) {
  const { origin, pathname } = addressIn(url, "socket.io/");
  return io(origin, {
    path: pathname,
    autoConnect: false,
    forceNew: true,
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    reconnectionDelayMax: 5_000,
    parser: STRICT_PACKETS,
    auth: (/** @type {(auth: object) => void} */ give) => give(auth()),
  });
}
