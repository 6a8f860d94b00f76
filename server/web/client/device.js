// @ts-check
/** One tab, one device: a duplicated tab has the same storage, and must not speak as the same member. */

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
