// @ts-check
/** The browser's database of this origin: keys that cannot be taken out, and chunks of files. */

const NAME = "hushwire";
const VERSION = 1;

/** One CryptoKey for each session, by the relay's session id. */
export const KEYS = "keys";
/** Sealed chunks, by `[session id, file id, index]`. */
export const CHUNKS = "chunks";
/** When each session was last used, by session id. */
export const SESSIONS = "sessions";

/**
 * @returns {Promise<IDBDatabase>}
 * @throws {DOMException} The browser keeps nothing, such as in a private window.
 */
export function openDatabase() {
  const request = indexedDB.open(NAME, VERSION);
  request.onupgradeneeded = () => {
    for (const store of [KEYS, CHUNKS, SESSIONS]) request.result.createObjectStore(store);
  };
  return answerOf(request).then((database) => {
    // Another tab brings a newer version, or deletes all: that must not wait for this one.
    database.onversionchange = () => database.close();
    return database;
  });
}

/** Delete the whole database. */
export function deleteDatabase() {
  return answerOf(indexedDB.deleteDatabase(NAME));
}

/**
 * @template Result
 * @param {IDBRequest<Result>} request
 * @returns {Promise<Result>}
 */
export function answerOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/**
 * Wait until what was written is kept.
 *
 * @param {IDBTransaction} transaction
 * @returns {Promise<void>}
 */
export function endOf(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error);
  });
}

/**
 * All records of one session, or of one file in it.
 *
 * @param {string[]} start The first parts of their keys.
 */
export function rangeOf(...start) {
  return IDBKeyRange.bound(start, [...start, []]);
}
