// @ts-check
/** Tabs of one browser: each is a device of its own, and several may be in one session. */

const PREFIX = "hushwire:";

/** After a reload the page before may still hold the identity; a busy browser takes its time. */
const PATIENCE_MS = 2_000;

/**
 * Hold an identity as long as this page lives.
 *
 * @param {string} memberId
 * @returns {Promise<boolean>} False if another tab holds it: make a new one then.
 */
export function claimDevice(memberId) {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(true);
  return new Promise((resolve) => {
    const hold = () => {
      resolve(true);
      return new Promise(() => {}); // never given back
    };
    const signal = AbortSignal.timeout(PATIENCE_MS);
    locks.request(PREFIX + memberId, { signal }, hold).catch(() => resolve(false));
  });
}

/** @type {Map<string, Promise<() => Promise<boolean>>>} */
const entered = new Map();

/**
 * Say that this page is in a session, as long as it lives; saying it again changes nothing.
 *
 * @param {string} sessionId
 * @returns {Promise<() => Promise<boolean>>} Ends it, and tells whether no other tab is in that session.
 */
export function enterSession(sessionId) {
  const leaving = entered.get(sessionId) ?? enter(sessionId);
  entered.set(sessionId, leaving);
  return leaving;
}

/**
 * @param {string} sessionId
 * @returns {Promise<() => Promise<boolean>>}
 */
function enter(sessionId) {
  const { locks } = navigator;
  if (!locks) return Promise.resolve(async () => true);
  const name = lockOf(sessionId);
  return new Promise((hasEntered) => {
    const held = locks.request(name, { mode: "shared" }, () => {
      return new Promise((end) => {
        hasEntered(async () => {
          entered.delete(sessionId);
          end(null);
          await held;
          return locks.request(name, { ifAvailable: true }, (lock) => lock !== null);
        });
      });
    });
  });
}

/**
 * Do something about a session in which no tab is; none gets into it meanwhile.
 *
 * @param {string} sessionId
 * @param {() => Promise<void>} work Left out if a tab is in it, or if this browser cannot tell.
 */
export async function ifNobodyIsIn(sessionId, work) {
  await navigator.locks?.request(lockOf(sessionId), { ifAvailable: true }, async (lock) => {
    if (lock) await work();
  });
}

/** @param {string} sessionId */
function lockOf(sessionId) {
  return `${PREFIX}session:${sessionId}`;
}
