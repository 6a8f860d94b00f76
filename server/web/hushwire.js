// @ts-check
/**
 * Hushwire's client library: sessions that are encrypted on the device, over a relay that cannot read them.
 *
 *     import { Session } from "https://relay.example/client/hushwire.js";
 *     const session = await Session.create({ url: "https://relay.example", name: "Ann" });
 *     session.on("entry", (entry) => console.log(entry));
 *     session.connect();
 *
 * `docs/CLIENT.md` shows it at work; `docs/PROTOCOL.md` says what goes over the wire.
 */

export { MAX_TEXT_CHARS } from "./client/entries.js";
export { MemoryChunks } from "./client/keeping.js";
export { CancelledError, NotKeptError } from "./client/preparing.js";
export { OfflineError, RelayError } from "./client/relay.js";
export { Session } from "./client/session.js";
export { Group } from "./client/strangers/group.js";
export { meet, Strangers } from "./client/strangers/strangers.js";
export { MalformedError } from "./protocol/bytes.js";
export { nameProblem } from "./protocol/card.js";
export { MAX_FILE_BYTES, MAX_PREVIEW_BYTES } from "./protocol/chunks.js";
export { Identity } from "./protocol/identity.js";
export { Link, LinkError } from "./protocol/link.js";
export { ForgedError } from "./protocol/primitives.js";
