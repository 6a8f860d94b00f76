/** Files: fetched of whoever has them, whatever becomes of the line and of who sends them. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  CancelledError,
  MAX_FILE_BYTES,
  MemoryChunks,
  NotKeptError,
} from "../../../server/web/hushwire.js";
import { Cable } from "../scene/cable.js";
import { Company, QUICK } from "../scene/people.js";
import { startServer } from "../scene/stage.js";
import { until } from "../scene/until.js";

const CHUNK_BYTES = 131_072;

/**
 * @param {string} name
 * @param {number} bytes
 */
function file(name, bytes) {
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += 65_536) {
    crypto.getRandomValues(content.subarray(at, Math.min(at + 65_536, bytes)));
  }
  return { content, file: new File([content], name, { type: "text/plain" }) };
}

/**
 * @param {import("../scene/people.js").Person} person
 * @param {string} name
 */
async function noteOf(person, name) {
  const entry = await until(
    () => person.message(name),
    () => person.summary(),
  );
  return entry.content.file;
}

/**
 * @param {import("../scene/people.js").Person} person
 * @param {string} fileId
 * @param {string} state
 */
async function transferIs(person, fileId, state) {
  const now = () => person.session.transfer(fileId);
  let done;
  // Each chunk has the whole time: how long all of them take is a matter of the machine.
  while (now()?.state !== state) {
    done = now()?.doneBytes;
    await until(
      () => now()?.state === state || now()?.doneBytes !== done,
      () => ({ who: person.name, wanted: state, is: now() }),
    );
  }
  return now();
}

/**
 * @param {import("../scene/people.js").Person} person
 * @param {string} fileId
 */
async function bytesOf(person, fileId) {
  return Buffer.concat(await person.session.openFile(fileId));
}

/** A store that breaks in the way that is asked for. */
class BrokenChunks extends MemoryChunks {
  isLying = false;
  isStuck = false;
  isFull = false;
  isBroken = false;
  /** How many chunks it takes before it is full. */
  places = Number.POSITIVE_INFINITY;
  /** @type {string[]} */
  asked = [];
  /** @type {string[]} Ids of files of which there are chunks. */
  left = [];

  async get(fileId, index) {
    this.asked.push(fileId);
    if (this.isBroken) throw new Error("closed");
    if (this.isStuck) return new Promise(() => {});
    const sealed = await super.get(fileId, index);
    return this.isLying && sealed ? sealed.toReversed() : sealed;
  }

  async put(fileId, index, sealed) {
    this.places -= 1;
    if (this.isFull || this.isBroken || this.places < 0) throw new Error("no place");
    await super.put(fileId, index, sealed);
    this.left = [...new Set([...this.left, fileId])];
  }

  async indexes(fileId) {
    if (this.isBroken) throw new Error("closed");
    return super.indexes(fileId);
  }

  async drop(fileId) {
    await super.drop(fileId);
    this.left = this.left.filter((id) => id !== fileId);
  }
}

describe("files", { concurrency: true }, () => {
  test("a file of some megabytes arrives as it was, with progress, and its sender is told", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");
    const { content, file: whole } = file("photo 🌊.bin", 3_000_000);
    const progress = { ann: [], bob: [] };
    ann.session.on("transfer", (one) => progress.ann.push([one.fileId, one.state, one.doneBytes]));
    bob.session.on("transfer", (one) => progress.bob.push(one.doneBytes));
    const told = [];
    ann.session.on("downloaded", (one) => told.push(one));

    await ann.session.sendFile(whole, { place: "here", preview: new Uint8Array([1, 2, 3]) });
    const note = await noteOf(bob, "photo 🌊.bin");
    await transferIs(bob, note.id, "offered");
    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "here");

    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
    assert.deepEqual([note.type, note.size, note.preview], ["text/plain", 3_000_000, "AQID"]);
    assert.deepEqual(progress.ann.at(0), ["here", "preparing", 0]);
    assert.deepEqual(progress.ann.at(-1), [note.id, "here", 3_000_000]);
    assert.deepEqual(
      progress.bob,
      progress.bob.toSorted((a, b) => a - b),
    );
    await until(() => told.length === 1);
    assert.deepEqual(told, [{ fileId: note.id, memberId: bob.id }]);
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("an empty file is there at once, and one that is too large is not sent", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    await ann.session.sendFile(new File([], "empty"), { place: "a" });
    const note = await noteOf(bob, "empty");
    await transferIs(bob, note.id, "here");
    const large = { name: "large", type: "", size: MAX_FILE_BYTES + 1 };

    assert.equal((await bytesOf(bob, note.id)).length, 0);
    await assert.rejects(
      ann.session.sendFile(/** @type {any} */ (large), { place: "b" }),
      RangeError,
    );
    const preview = new Uint8Array(24 * 1024 + 1);
    await assert.rejects(
      ann.session.sendFile(new File(["x"], "x"), { place: "c", preview }),
      RangeError,
    );
  });

  test("a preparation that is cancelled sends nothing, and the next one goes on", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");

    const sending = ann.session.sendFile(file("never", 20 * CHUNK_BYTES).file, { place: "p" });
    ann.session.cancelFile("p");
    await assert.rejects(sending, CancelledError);
    await ann.session.sendFile(file("after", 10).file, { place: "p" });

    await noteOf(bob, "after");
    assert.equal(bob.message("never"), undefined);
  });

  test("a preparation ends with its session, and leaves no chunk behind", async (t) => {
    const { url } = await startServer(t);
    const chunks = new BrokenChunks();
    const ann = await (await new Company(t, url).create("Ann", { chunks })).is("connected");

    const sending = ann.session.sendFile(file("never", 20 * CHUNK_BYTES).file, { place: "p" });
    ann.session.close();
    await assert.rejects(sending, CancelledError);

    assert.deepEqual(chunks.left, []);
  });

  test("a fetch that is cancelled can be taken up again where it was", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob] = await new Company(t, url).gather("Ann", "Bob");
    const { content, file: whole } = file("large", 30 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "large");

    await bob.session.fetchFile(note.id);
    await until(() => bob.session.transfer(note.id).doneBytes > 9 * CHUNK_BYTES);
    bob.session.cancelFile(note.id);
    assert.equal(bob.session.transfer(note.id).state, "cancelled");
    await bob.session.fetchFile(note.id);
    const { doneBytes } = bob.session.transfer(note.id);
    await transferIs(bob, note.id, "here");

    assert.ok(doneBytes > 9 * CHUNK_BYTES, `${doneBytes}`);
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("when who sends a file leaves in the middle, another who has it goes on", async (t) => {
    const { url } = await startServer(t);
    const [ann, bob, cy] = await new Company(t, url).gather("Ann", "Bob", "Cy");
    const { content, file: whole } = file("shared", 40 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "shared");
    await noteOf(cy, "shared");
    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "here");

    await cy.session.fetchFile(note.id);
    await until(() => cy.session.transfer(note.id).doneBytes > 3 * CHUNK_BYTES);
    await ann.session.leave();

    await transferIs(cy, note.id, "here");
    assert.deepEqual(await bytesOf(cy, note.id), Buffer.from(content));
  });

  test("a fetch waits for somebody who has the file, and goes on when one comes", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 0 });
    const company = new Company(t, url);
    const chunks = new MemoryChunks();
    const ann = await (await company.create("Ann", { chunks })).is("connected");
    const bob = await (await company.open("Bob")).is("connected");
    await ann.sees(bob);
    const { content, file: whole } = file("later", 3 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "later");
    ann.vanish();
    await bob.learns("lost");

    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "paused");
    await company.restore(ann, { chunks }).is("connected");

    await transferIs(bob, note.id, "here");
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("of a holder that sends other chunks nothing is taken, but of the next one", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const chunks = new BrokenChunks();
    const ann = await (await company.create("Ann", { chunks })).is("connected");
    const [bob, cy] = [await company.open("Bob"), await company.open("Cy")];
    for (const one of [bob, cy]) await one.is("connected");
    for (const one of [ann, bob, cy]) await one.sees(ann, bob, cy);
    const { content, file: whole } = file("true", 5 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "true");
    await noteOf(cy, "true");

    chunks.isLying = true;
    await bob.session.fetchFile(note.id);
    assert.equal((await transferIs(bob, note.id, "failed")).reason, "wrong-chunks");
    chunks.isLying = false;
    await cy.session.fetchFile(note.id);
    await transferIs(cy, note.id, "here");

    await transferIs(bob, note.id, "here");
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("of a holder that sends nothing another one is asked", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const chunks = new BrokenChunks();
    const ann = await (await company.create("Ann", { chunks })).is("connected");
    const [bob, cy] = [await company.open("Bob"), await company.open("Cy")];
    for (const one of [bob, cy]) await one.is("connected");
    for (const one of [ann, bob, cy]) await one.sees(ann, bob, cy);
    const { content, file: whole } = file("stuck", 5 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "stuck");
    await noteOf(cy, "stuck");
    await cy.session.fetchFile(note.id);
    await transferIs(cy, note.id, "here");

    chunks.isStuck = true;
    await bob.session.fetchFile(note.id);

    await transferIs(bob, note.id, "here");
    assert.ok(chunks.asked.length > 0);
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("a fetch that finds no place fails, and can be tried again", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann")).is("connected");
    const chunks = new BrokenChunks();
    const bob = await (await company.open("Bob", { chunks })).is("connected");
    await ann.sees(bob);
    await ann.session.sendFile(file("big", 2 * CHUNK_BYTES).file, { place: "p" });
    const note = await noteOf(bob, "big");

    chunks.isFull = true;
    await bob.session.fetchFile(note.id);
    assert.equal((await transferIs(bob, note.id, "failed")).reason, "not-kept");
    chunks.isFull = false;
    await bob.session.fetchFile(note.id);

    await transferIs(bob, note.id, "here");
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("a file for which there is no place is not sent, and leaves no chunk behind", async (t) => {
    const { url } = await startServer(t);
    const chunks = new BrokenChunks();
    const ann = await (await new Company(t, url).create("Ann", { chunks })).is("connected");

    chunks.places = 2;
    await assert.rejects(
      ann.session.sendFile(file("never", 5 * CHUNK_BYTES).file, { place: "p" }),
      NotKeptError,
    );

    const { state, reason } = ann.session.transfer("p");
    assert.deepEqual([state, reason, chunks.left], ["failed", "not-kept", []]);
    chunks.places = 9;
    await ann.session.sendFile(file("after", 10).file, { place: "p" });
    assert.equal(ann.message("never"), undefined);
    assert.equal(ann.message("after").content.file.size, 10);
  });

  test("a file that goes away while it is read is not sent, and neither is half of it", async (t) => {
    const { url } = await startServer(t);
    const chunks = new BrokenChunks();
    const ann = await (await new Company(t, url).create("Ann", { chunks })).is("connected");
    const { file: whole } = file("gone", 3 * CHUNK_BYTES);
    let reads = 0;
    const slice = (/** @type {number} */ start, /** @type {number} */ end) => {
      if (reads++ > 1) throw new DOMException("it is gone", "NotReadableError");
      return whole.slice(start, end);
    };
    const gone = { name: "gone", type: "", size: whole.size, slice };

    const sending = ann.session.sendFile(/** @type {any} */ (gone), { place: "p" });
    await assert.rejects(sending, { name: "NotReadableError" });

    const { state, reason } = ann.session.transfer("p");
    assert.deepEqual([state, reason, chunks.left], ["failed", "unreadable", []]);
  });

  test("a file that is no longer here is told to be lost, and can be fetched again", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url);
    const ann = await (await company.create("Ann")).is("connected");
    const chunks = new BrokenChunks();
    const bob = await (await company.open("Bob", { chunks })).is("connected");
    await ann.sees(bob);
    const { content, file: whole } = file("lost", 2 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "lost");
    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "here");

    await chunks.drop(note.id);
    await assert.rejects(bob.session.openFile(note.id), RangeError);
    assert.equal((await transferIs(bob, note.id, "failed")).reason, "lost");
    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "here");

    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("a store that breaks fails in words: for who opens, fetches, and asks for chunks", async (t) => {
    const { url } = await startServer(t);
    const company = new Company(t, url, { pace: { ...QUICK, stall: 60_000 } });
    const chunks = new BrokenChunks();
    const ann = await (await company.create("Ann", { chunks })).is("connected");
    const bob = await (await company.open("Bob")).is("connected");
    await ann.sees(bob);
    await ann.session.sendFile(file("broken", 10).file, { place: "p" });
    const note = await noteOf(bob, "broken");

    chunks.isBroken = true;
    await assert.rejects(ann.session.openFile(note.id), RangeError);
    await ann.session.fetchFile(note.id);
    assert.equal((await transferIs(ann, note.id, "failed")).reason, "not-kept");
    await bob.session.fetchFile(note.id);

    // Long before a holder would count as one that does not answer.
    await transferIs(bob, note.id, "paused");
  });

  test("a fetch goes on after a cut", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const cable = await Cable.lay(t, url);
    const company = new Company(t, url, { pace: { ...QUICK, stall: 60_000 } });
    const ann = await (await company.create("Ann")).is("connected");
    const bob = await (await company.open("Bob", { url: cable.url })).is("connected");
    await ann.sees(bob);
    const { content, file: whole } = file("cut", 40 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "cut");

    await bob.session.fetchFile(note.id);
    await until(() => bob.session.transfer(note.id).doneBytes > 3 * CHUNK_BYTES);
    cable.cut();
    await bob.is("reconnecting");
    cable.mend();

    await transferIs(bob, note.id, "here");
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
  });

  test("chunks that come too fast for the server are sent again, and none is lost", async (t) => {
    const { url } = await startServer(t, { MEMBER_SENDS_PER_MINUTE: 120 });
    const pace = { ...QUICK, head: 60_000, stall: 60_000 };
    const [ann, bob] = await new Company(t, url, { pace }).gather("Ann", "Bob");
    const { content, file: whole } = file("fast", 36 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "fast");

    await bob.session.fetchFile(note.id);

    await transferIs(bob, note.id, "here");
    assert.deepEqual(await bytesOf(bob, note.id), Buffer.from(content));
    assert.deepEqual([...ann.alarms, ...bob.alarms], []);
  });

  test("who has fetched a file is told again after a reload, and nobody else", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url);
    const [ann, bob, cy] = await company.gather("Ann", "Bob", "Cy");
    const told = [];
    ann.session.on("downloaded", (one) => told.push(one));
    for (const name of ["one", "two"]) {
      await ann.session.sendFile(file(name, 10).file, { place: name });
    }
    const note = await noteOf(bob, "one");
    await noteOf(cy, "two");
    await bob.session.fetchFile(note.id);
    await until(() => told.length === 1 && ann.kept.downloads?.length);

    const again = company.restore(ann.vanish());
    const after = [];
    again.session.on("downloaded", (one) => after.push([one, again.message("one")?.status]));
    await again.is("connected");

    assert.deepEqual(after, [[{ fileId: note.id, memberId: bob.id }, "sent"]]);
    await cy.session.fetchFile(note.id);
    await until(() => after.length === 2);
    assert.equal(after[1][0].memberId, cy.id);
  });

  test("what is here outlives a reload if the chunks do, and is offered again", async (t) => {
    const { url } = await startServer(t, { RECONNECT_GRACE_S: 60 });
    const company = new Company(t, url);
    const [ann] = await company.gather("Ann");
    const chunks = new MemoryChunks();
    const bob = await (await company.open("Bob", { chunks })).is("connected");
    await ann.sees(bob);
    const { content, file: whole } = file("kept", 2 * CHUNK_BYTES);
    await ann.session.sendFile(whole, { place: "p" });
    const note = await noteOf(bob, "kept");
    await bob.session.fetchFile(note.id);
    await transferIs(bob, note.id, "here");

    const again = await company.restore(bob.vanish(), { chunks }).is("connected");

    await transferIs(again, note.id, "here");
    assert.deepEqual(await bytesOf(again, note.id), Buffer.from(content));
  });
});
