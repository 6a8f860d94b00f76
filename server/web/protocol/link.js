// @ts-check
/** The link: what its holders share, and what the relay is told of it. docs/PROTOCOL.md, section 2. */

import { concat, equal, fromBase64url, MalformedError, toBase64url } from "./bytes.js";
import { MEMBER_ID_BYTES } from "./identity.js";
import { derive, hash, KEY_BYTES, randomBytes } from "./primitives.js";

const VERSION = 1;
const SHARED_HISTORY = 1;
const SESSION_ID_BYTES = 16;
const CHECK_BYTES = 4;
const LINK_BYTES = 2 + SESSION_ID_BYTES + KEY_BYTES + MEMBER_ID_BYTES + CHECK_BYTES;

/** A link is no link of ours, is cut off, or is of a newer version. */
export class LinkError extends MalformedError {
  name = "LinkError";

  /**
   * @param {"incomplete" | "newer" | "none"} reason
   * @param {string} message
   */
  constructor(reason, message) {
    super(message);
    this.reason = reason;
  }
}

/** A session as its members know it. */
export class Link {
  /** @type {Uint8Array} */
  #secret;

  /**
   * @param {Uint8Array} sessionId 16 bytes
   * @param {Uint8Array} secret 32 bytes
   * @param {Uint8Array} creator The creator's member id.
   * @param {boolean} sharesHistory Whether newcomers may read what was said before.
   */
  constructor(sessionId, secret, creator, sharesHistory) {
    this.#secret = secret;
    this.sessionId = sessionId;
    this.creator = creator;
    this.sharesHistory = sharesHistory;
    /** The relay's name of the session. */
    this.relaySessionId = toBase64url(sessionId);
    const context = [Uint8Array.of(this.#flags), creator];
    /** What the relay is shown by whoever joins. */
    this.authKey = toBase64url(derive(secret, sessionId, "auth", ...context));
    /** What only holders of the link know. */
    this.linkKey = derive(secret, sessionId, "link", ...context);
    this.cardKey = derive(this.linkKey, sessionId, "card");
    this.nameKey = derive(this.linkKey, sessionId, "name");
  }

  /**
   * A new session.
   *
   * @param {Uint8Array} creator The member id of who makes it.
   * @param {{sharesHistory?: boolean}} [options]
   */
  static create(creator, { sharesHistory = false } = {}) {
    return new Link(randomBytes(SESSION_ID_BYTES), randomBytes(KEY_BYTES), creator, sharesHistory);
  }

  /**
   * @param {string} text A whole link, or what stands after its `#`.
   * @throws {LinkError}
   */
  static parse(text) {
    const bytes = bytesOf(text.slice(text.indexOf("#") + 1).trim());
    const version = bytes[0];
    if (version > VERSION) throw new LinkError("newer", "made by a newer version; reload the page");
    if (bytes.length !== LINK_BYTES) throw new LinkError("incomplete", "the link is incomplete");
    const payload = bytes.subarray(0, -CHECK_BYTES);
    if (version !== VERSION || !equal(checkOf(payload), bytes.subarray(-CHECK_BYTES))) {
      throw new LinkError("incomplete", "the link was changed or cut off");
    }
    if (bytes[1] & ~SHARED_HISTORY) {
      throw new LinkError("newer", "made by a newer version; reload the page");
    }
    const secretAt = 2 + SESSION_ID_BYTES;
    const creatorAt = secretAt + KEY_BYTES;
    return new Link(
      payload.slice(2, secretAt),
      payload.slice(secretAt, creatorAt),
      payload.slice(creatorAt),
      bytes[1] === SHARED_HISTORY,
    );
  }

  /** What stands after the `#`. */
  get fragment() {
    const payload = concat(
      Uint8Array.of(VERSION, this.#flags),
      this.sessionId,
      this.#secret,
      this.creator,
    );
    return toBase64url(concat(payload, checkOf(payload)));
  }

  get #flags() {
    return this.sharesHistory ? SHARED_HISTORY : 0;
  }
}

/** @param {string} fragment */
function bytesOf(fragment) {
  try {
    const bytes = fromBase64url(fragment);
    if (bytes.length > 1) return bytes;
  } catch {
    // Below.
  }
  throw new LinkError("none", "this is no link to a session");
}

/** @param {Uint8Array} payload */
function checkOf(payload) {
  return hash(payload).subarray(0, CHECK_BYTES);
}
