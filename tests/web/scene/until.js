/** Waiting for what must come. */

const LIMIT_MS = 40_000;

/**
 * Wait for a condition to become true.
 *
 * @template Result
 * @param {() => Result} condition
 * @param {() => unknown} [seen] What to tell if it does not.
 * @param {number} [limitMs]
 * @returns {Promise<NonNullable<Result>>}
 */
export async function until(condition, seen = () => "", limitMs = LIMIT_MS) {
  const where = new Error("place").stack?.split("\n")[2]?.trim();
  const end = performance.now() + limitMs;
  while (performance.now() < end) {
    const result = condition();
    if (result) return result;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  throw new Error(`never came: ${condition} ${where} ${JSON.stringify(seen())}`);
}
