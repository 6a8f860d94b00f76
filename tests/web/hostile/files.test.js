/** Files that are not what they are said to be, from members who have sealed them that way. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ForgedError, MemoryChunks } from "../../../server/web/hushwire.js";
import { toBase64url, u64 } from "../../../server/web/protocol/bytes.js";
import { hash, randomBytes } from "../../../server/web/protocol/primitives.js";
import { until } from "../scene/until.js";
import { Mallory } from "./mallory.js";
import { meet } from "./plot.js";

const SEALED_BYTES = 19; // of the three bytes that are announced

/**
 * Ann wants a file of Mallory, whose only chunk is this one.
 *
 * @param {import("node:test").TestContext} t
 * @param {Uint8Array} chunk
 * @param {Record<string, unknown>} [options]
 */
async function fetchOne(t, chunk, options) {
  const scene = await meet(t, ["Ann"], options);
  const [ann] = scene.people;
  const mallory = await Mallory.join(t, scene.url, scene.company.link);
  await until(() => ann.person(mallory.id)?.card);
  const fileId = randomBytes(16);
  const id = toBase64url(fileId);
  const key = toBase64url(randomBytes(32));
  const fields = { name: "trap", type: "", size: 3, chunk: 131_072 };
  const file = { id, key, hashes: toBase64url(hash(chunk)), ...fields };
  await mallory.send(mallory.epoch(), { kind: "file", content: { file } });
  await until(() => ann.message("trap"));

  await ann.session.fetchFile(id);
  await mallory.hears("signal", ({ to }) => to === mallory.id);
  const encrypted = mallory.signal(ann.id, "file-chunk", [fileId, u64(0), chunk]);
  await mallory.ask("send-signal", { to: ann.id, encrypted });
  const is = (/** @type {string} */ state) =>
    until(
      () => ann.session.transfer(id).state === state && ann.session.transfer(id),
      () => ann.session.transfer(id),
    );
  return { ann, id, is };
}

describe("a file of a member that cheats", { concurrency: true }, () => {
  test("that nobody can open is told to be damaged", async (t) => {
    const { ann, id, is } = await fetchOne(t, randomBytes(SEALED_BYTES));
    await is("here");

    await assert.rejects(ann.session.openFile(id), ForgedError);

    assert.equal((await is("failed")).reason, "damaged");
  });

  test("takes no more place than it is said to need", async (t) => {
    const chunks = new MemoryChunks();
    const { id, is } = await fetchOne(t, randomBytes(SEALED_BYTES + 1), { chunks });

    assert.equal((await is("failed")).reason, "wrong-chunks");
    assert.deepEqual(await chunks.indexes(id), []);
  });
});
