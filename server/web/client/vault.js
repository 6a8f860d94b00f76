// @ts-check
/**
 * What a tab keeps over a reload: ciphertext in its own storage, under a key of the browser's database
 * that no script can read. Whoever copies the one has nothing without the other.
 */

import { concat, fromBase64url, fromUtf8, toBase64url, utf8 } from "../protocol/bytes.js";
import { answerOf, CHUNKS, endOf, KEYS, openDatabase, rangeOf, SESSIONS } from "./database.js";
import { enterSession, ifNobodyIsIn } from "./device.js";
import { Emitter } from "./emitter.js";
import { KEPT_PARTS } from "./keeping.js";

const NONCE_BYTES = 12;
const PREFIX = "hushwire";
const AES = { name: "AES-GCM", length: 256 };

/** How long after its last use a session's keys and files are swept away. */
const SWEEP_MS = 24 * 60 * 60_000;

/** @typedef {import("./keeping.js").Kept} Kept */

/**
 * The `vault` of one session in this tab. It leaves no trace before something is kept.
 *
 * @extends {Emitter<{current: null}>} `current`: whether it is so has changed.
 */
export class TabVault extends Emitter {
  #database;
  #sessionId;
  #key;
  #storage;
  #leaveSession;
  /** @type {Promise<unknown>} Writes of one part must not overtake each other. */
  #writing = Promise.resolve();
  #isForgotten = false;
  /** @type {Map<keyof Kept, Uint8Array<ArrayBuffer>>} What could not be written, by part. */
  #stale = new Map();
  #hasKey = true;

  /**
   * @param {IDBDatabase} database
   * @param {string} sessionId
   * @param {Promise<CryptoKey | null>} key Null if nothing was kept yet.
   * @param {Storage} storage
   * @param {() => Promise<boolean>} leaveSession As of `enterSession`.
   */
  constructor(database, sessionId, key, storage, leaveSession) {
    super();
    this.#database = database;
    this.#sessionId = sessionId;
    this.#key = key;
    this.#storage = storage;
    this.#leaveSession = leaveSession;
    database.addEventListener("versionchange", (told) => {
      // Another tab forgets all sessions. What is written from now on nobody can open.
      if (told.newVersion === null) this.#note(() => (this.#hasKey = false));
    });
  }

  /** Whether what is kept is what was last given, so that a reload takes nothing away. */
  get isCurrent() {
    return this.#hasKey && this.#stale.size === 0;
  }

  /**
   * @param {import("../protocol/link.js").Link} link
   * @returns {Promise<TabVault>}
   * @throws {DOMException} This browser keeps nothing; go on without.
   */
  static async open({ relaySessionId }) {
    const storage = globalThis.sessionStorage;
    const database = await openDatabase();
    // Before anything is swept away: by this the other tabs, and this one, know that it is in use.
    const leaveSession = await enterSession(relaySessionId);
    await sweep(database, Date.now());
    const key = keyOf(database, relaySessionId);
    await key;
    return new TabVault(database, relaySessionId, key, storage, leaveSession);
  }

  /**
   * What this tab knew of the session before the reload.
   *
   * @returns {Promise<Kept | null>} Null if it knew nothing, or if that can no longer be opened.
   */
  async kept() {
    /** @type {Record<string, unknown>} */
    const kept = {};
    for (const part of KEPT_PARTS) {
      kept[part] = await this.#read(part);
    }
    return kept.me ? /** @type {any} */ (kept) : null;
  }

  /**
   * @param {keyof Kept} part
   * @param {unknown} value
   */
  keep(part, value) {
    if (this.#isForgotten) return Promise.resolve();
    const plain = utf8(JSON.stringify(value));
    this.#writing = this.#writing.then(() => this.#writeAll(part, plain));
    return /** @type {Promise<void>} */ (this.#writing);
  }

  /** Forget all of this session in this tab; the last tab of it forgets the key and the files too. */
  async forget() {
    this.#isForgotten = true;
    await this.#writing;
    for (const name of Object.keys(this.#storage)) {
      if (name.startsWith(this.#name(""))) this.#storage.removeItem(name);
    }
    if (!(await this.#leaveSession())) return;
    // The connection is closed once another tab has forgotten everything.
    await deleteSession(this.#database, this.#sessionId).catch(async () => {
      const database = await openDatabase();
      await deleteSession(database, this.#sessionId);
      database.close();
    });
  }

  /**
   * Write a part, and what could not be written before.
   *
   * @param {keyof Kept} part
   * @param {Uint8Array<ArrayBuffer>} plain
   */
  async #writeAll(part, plain) {
    const parts = new Map(this.#stale).set(part, plain);
    const stale = new Map();
    for (const [name, value] of parts) {
      // Full, or forbidden meanwhile: what is kept of it is older then.
      await this.#write(name, value).catch(() => stale.set(name, value));
    }
    this.#note(() => (this.#stale = stale));
  }

  /** @param {() => void} change */
  #note(change) {
    const before = this.isCurrent;
    change();
    if (this.isCurrent !== before) this.emit("current", null);
  }

  /** @param {keyof Kept} part */
  async #read(part) {
    const text = this.#storage.getItem(this.#name(part));
    const key = await this.#key;
    if (!text || !key) return undefined;
    try {
      const bytes = fromBase64url(text);
      const sealed = bytes.slice(NONCE_BYTES);
      const opened = await crypto.subtle.decrypt(
        this.#aes(part, bytes.slice(0, NONCE_BYTES)),
        key,
        sealed,
      );
      return JSON.parse(fromUtf8(new Uint8Array(opened)));
    } catch {
      return undefined;
    }
  }

  /**
   * @param {keyof Kept} part
   * @param {Uint8Array<ArrayBuffer>} plain
   */
  async #write(part, plain) {
    const key = (await this.#key) ?? (await makeKey(this.#database, this.#sessionId));
    this.#key = Promise.resolve(key);
    const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
    const sealed = await crypto.subtle.encrypt(this.#aes(part, nonce), key, plain);
    this.#storage.setItem(this.#name(part), toBase64url(concat(nonce, new Uint8Array(sealed))));
  }

  /**
   * @param {string} part
   * @param {Uint8Array<ArrayBuffer>} nonce
   */
  #aes(part, nonce) {
    return { name: AES.name, iv: nonce, additionalData: utf8(this.#name(part)) };
  }

  /** @param {string} part */
  #name(part) {
    return `${PREFIX}:${this.#sessionId}:${part}`;
  }
}

/**
 * The key of a session, noted as used just now.
 *
 * @param {IDBDatabase} database
 * @param {string} sessionId
 * @returns {Promise<CryptoKey | null>} Null if it has none.
 */
async function keyOf(database, sessionId) {
  const transaction = database.transaction([KEYS, SESSIONS], "readwrite");
  const known = await answerOf(transaction.objectStore(KEYS).get(sessionId));
  if (known) transaction.objectStore(SESSIONS).put(Date.now(), sessionId);
  await endOf(transaction);
  return known ?? null;
}

/**
 * Make the key of a session, unless another tab has. All tabs of a browser have the same.
 *
 * @param {IDBDatabase} database
 * @param {string} sessionId
 * @returns {Promise<CryptoKey>}
 */
async function makeKey(database, sessionId) {
  const made = await crypto.subtle.generateKey(AES, false, ["encrypt", "decrypt"]);
  const transaction = database.transaction([KEYS, SESSIONS], "readwrite");
  transaction.objectStore(SESSIONS).put(Date.now(), sessionId);
  const keys = transaction.objectStore(KEYS);
  const known = await answerOf(keys.get(sessionId));
  if (!known) keys.put(made, sessionId);
  await endOf(transaction);
  return known ?? made;
}

/**
 * Forget sessions that were not used for long, of tabs that were closed without a word. A tab may
 * stay open for days: its session is not touched.
 *
 * @param {IDBDatabase} database
 * @param {number} nowMs
 */
async function sweep(database, nowMs) {
  const sessions = database.transaction(SESSIONS).objectStore(SESSIONS);
  const [ids, used] = await Promise.all([
    answerOf(sessions.getAllKeys()),
    answerOf(sessions.getAll()),
  ]);
  const old = ids.filter((_, at) => nowMs - used[at] > SWEEP_MS);
  for (const id of old.map(String)) await ifNobodyIsIn(id, () => deleteSession(database, id));
}

/**
 * @param {IDBDatabase} database
 * @param {string} sessionId
 */
async function deleteSession(database, sessionId) {
  const transaction = database.transaction([KEYS, CHUNKS, SESSIONS], "readwrite");
  transaction.objectStore(KEYS).delete(sessionId);
  transaction.objectStore(SESSIONS).delete(sessionId);
  transaction.objectStore(CHUNKS).delete(rangeOf(sessionId));
  await endOf(transaction);
}
