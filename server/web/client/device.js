// @ts-check
/** One tab, one device: a duplicated tab has the same storage, and must not speak as the same member. */

const PREFIX = "hushwire:";

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
    void locks.request(PREFIX + memberId, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock && new Promise(() => {}); // never given back
    });
  });
}
