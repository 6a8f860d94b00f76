// @ts-check
/** Parts of the page that need no browser: names that look alike, rows of notices. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { lookOf } from "../../../server/web/page/clean.js";
import { Log } from "../../../server/web/page/log.js";

describe("two names that look the same", () => {
  for (const [about, one, other] of [
    ["a letter of another script", "Anna", "Аnna"],
    ["capitals", "ann", "ANN"],
    ["a soft hyphen", "Ann", "A\u00adnn"],
    ["a joiner that joins nothing", "Ann", "An\u200dn"],
    ["a filler", "Ann", "Ann\u3164"],
    ["a sign on a letter", "Ann", "A\u0301nn"],
    ["a wide form", "Ann", "Ａｎｎ"],
    ["a mark for the direction", "Ann", "\u200fAnn"],
    ["a digit for a letter", "Bob", "B0b"],
  ]) {
    test(`are known for such: ${about}`, () => assert.equal(lookOf(one), lookOf(other)));
  }

  test("are not taken for others", () => {
    assert.notEqual(lookOf("Ann"), lookOf("Anna"));
    assert.notEqual(lookOf("李雷"), lookOf("李明"));
  });
});

describe("a row of notices", () => {
  /** @param {string} id @param {number} count @param {number} atMs */
  const notice = (id, count, atMs) =>
    /** @type {import("../../../server/web/client/entries.js").NoticeEntry} */ ({
      type: "notice",
      id,
      code: "forged",
      memberId: "ann",
      atMs,
      count,
    });

  /** @param {...ReturnType<typeof notice>} entries */
  function shown(...entries) {
    const log = new Log(() => {});
    // As a browser does it; the log is emptied before a frame could come.
    globalThis.requestAnimationFrame = () => 0;
    globalThis.cancelAnimationFrame = () => {};
    for (const entry of entries) {
      log.add(entry);
      log.flush();
    }
    return log.blocks.value.flatMap((block) => block.value);
  }

  test("counts each notice once, however often that has grown", () => {
    const rows = shown(
      notice("first", 1, 10),
      notice("second", 1, 20),
      notice("second", 2, 30),
      notice("second", 3, 40),
      notice("first", 5, 50),
    );

    assert.deepEqual(rows, [notice("first", 8, 50)]);
  });

  test("ends where something else is told", () => {
    const other = { ...notice("other", 1, 20), memberId: "bob" };
    const rows = shown(notice("first", 1, 10), other, notice("third", 1, 30));

    assert.deepEqual(
      rows.map(({ id }) => id),
      ["first", "other", "third"],
    );
  });
});
