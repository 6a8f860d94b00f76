/** Servers of tests/web/stage.py: real ones, each on a free port, as long as a test runs. */

const STAGE = process.env.STAGE_URL;

/**
 * @param {import("node:test").TestContext} t
 * @param {Record<string, unknown>} [settings] By their names in the environment; `clock: "manual"`
 *   for one whose time passes by `advance` only.
 */
export async function startServer(t, settings = {}) {
  const { id, url } = await ask("POST", "/servers", { RECONNECT_GRACE_S: 0, ...settings });
  t.after(() => ask("DELETE", `/servers/${id}`));
  return {
    url,
    restart: () => ask("POST", `/servers/${id}/restart`, {}),
    advance: (/** @type {number} */ minutes) => ask("POST", `/servers/${id}/advance`, { minutes }),
  };
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 */
async function ask(method, path, body) {
  const answer = await fetch(STAGE + path, { method, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}
