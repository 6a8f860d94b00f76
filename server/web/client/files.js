// @ts-check
/** Files on their way: offered by who sent them, fetched chunk by chunk. docs/PROTOCOL.md, section 10. */

import { fromBase64url, fromU64, toBase64url, u64 } from "../protocol/bytes.js";
import { Chunks } from "../protocol/chunks.js";
import { Fetch } from "./fetch.js";
import { Preparations } from "./preparing.js";
import { Readers } from "./readers.js";
import { Serving } from "./serving.js";

/**
 * How long things may take, in milliseconds.
 *
 * @typedef {{stall: number}} FilePace
 */

/** @type {FilePace} */
export const FILE_PACE = { stall: 15_000 };

/**
 * @typedef {import("../protocol/chunks.js").FileNote} FileNote
 * @typedef {import("./roster.js").Person} Person
 *
 * A file, and how far it has come. Never changed: a new one takes its place.
 *
 * @typedef {object} Transfer
 * @property {string} fileId
 * @property {"preparing" | "offered" | "fetching" | "paused" | "here" | "failed" | "cancelled"} state
 *   `paused` while nobody who has it is there.
 * @property {number} doneBytes
 * @property {number} size
 * @property {Failure | null} reason Why it failed.
 *
 * @typedef {"wrong-chunks" | "not-kept" | "lost" | "damaged" | "unreadable" | "too-large"} Failure
 *   Of a fetch: only others' chunks are there, or there was no place for them (as for a preparation). Of one that was
 *   here: it no longer is, or is nothing that can be opened. Of a preparation: its bytes cannot be read, or are too many.
 *
 * @typedef {object} ChunkStore Where sealed chunks are kept.
 * @property {(fileId: string, index: number, sealed: Uint8Array) => Promise<void>} put
 * @property {(fileId: string, index: number) => Promise<Uint8Array | null>} get
 * @property {(fileId: string) => Promise<number[]>} indexes Of the chunks that are there.
 * @property {(fileId: string) => Promise<void>} drop
 *
 * @typedef {object} FileReports
 * @property {(person: Person, kind: string, fields: Uint8Array[]) => Promise<void>} send
 * @property {(transfer: Transfer) => void} transfer
 * @property {(fileId: string, to: string | null) => void} complete It was fetched whole; whom to tell: a member, or everybody.
 */

export class Files {
  #roster;
  #ownId;
  #store;
  #reports;
  #pace;
  /** @type {Map<string, Chunks>} */
  #chunks = new Map();
  /** @type {Map<string, Transfer>} */
  #transfers = new Map();
  /** @type {Map<string, Fetch>} */
  #fetches = new Map();
  /** @type {Map<string, Set<string>>} Who is said to have a file. */
  #holders = new Map();
  #readers = new Readers();
  #serving;
  #preparations;

  /**
   * @param {import("./roster.js").Roster} roster
   * @param {string} ownId
   * @param {ChunkStore} store
   * @param {FileReports} reports
   * @param {FilePace} pace
   */
  constructor(roster, ownId, store, reports, pace) {
    this.#roster = roster;
    this.#ownId = ownId;
    this.#store = store;
    this.#reports = reports;
    this.#pace = pace;
    this.#serving = new Serving(store, reports.send);
    this.#preparations = new Preparations(store, (transfer) => this.#report(transfer));
  }

  /** @param {string} fileId */
  transfer(fileId) {
    return this.#transfers.get(fileId);
  }

  /**
   * Seal a file into the store, so that it can be offered. If that fails, nothing of it stays there.
   *
   * @param {Blob & {name: string}} file
   * @param {string} place A name for this preparation, by which `cancel` ends it.
   * @returns {Promise<FileNote>}
   * @throws {import("./preparing.js").CancelledError}
   * @throws {import("./preparing.js").NotKeptError}
   * @throws {RangeError} It is too large.
   */
  async prepare(file, place) {
    const note = await this.#preparations.seal(file, place);
    this.#transfers.delete(place);
    this.#chunks.set(note.id, new Chunks(note));
    this.#tell(note.id, "here", note.size, note.size);
    return note;
  }

  /**
   * A file of which a message tells.
   *
   * @param {FileNote} note
   * @param {string} senderId
   * @param {string | null} audience For whom the message is; null for everybody.
   * @returns {boolean} False if it has the id of another file: that one must not be shown for it.
   */
  learn(note, senderId, audience) {
    const known = this.#chunks.get(note.id);
    if (known && !isSame(known.note, note)) return false;
    const chunks = known ?? new Chunks(note);
    this.#chunks.set(note.id, chunks);
    this.#readers.admit(note.id, senderId, audience);
    this.addHolder(note.id, senderId);
    if (!known) void this.#look(chunks);
    return true;
  }

  /**
   * @param {string} fileId
   * @param {string} memberId One who may have it.
   */
  addHolder(fileId, memberId) {
    const holders = this.#holders.get(fileId) ?? new Set();
    this.#holders.set(fileId, holders.add(memberId));
    this.#fetches.get(fileId)?.wake();
  }

  /**
   * Whether a message has told of a file.
   *
   * @param {string} fileId
   */
  has(fileId) {
    return this.#chunks.has(fileId);
  }

  /**
   * Whether a file is for somebody, as far as messages have told.
   *
   * @param {string} fileId
   * @param {string} memberId
   */
  isFor(fileId, memberId) {
    return this.#readers.has(fileId, memberId);
  }

  /** Somebody has come who may have what is lacking. */
  retry() {
    for (const fetch of this.#fetches.values()) fetch.wake();
  }

  /** The connection is there again. */
  restart() {
    for (const fetch of this.#fetches.values()) fetch.restart();
  }

  /**
   * Go on until it is here; what goes wrong is told of its transfer.
   *
   * @param {string} fileId
   */
  async fetch(fileId) {
    const chunks = this.#chunks.get(fileId);
    if (!chunks || this.transfer(fileId)?.state === "here") return;
    const here = await this.#store.indexes(fileId).catch(() => null);
    const running = this.#fetches.get(fileId);
    if (running) return running.forgive();
    if (!here) return this.#tell(fileId, "failed", 0, chunks.note.size, "not-kept");
    const fetch = new Fetch(chunks, here, {
      holder: (except) => this.#holder(fileId, except),
      ask: (person, first, count) =>
        this.#reports.send(person, "file-wanted", [fromBase64url(fileId), u64(first), u64(count)]),
      stallMs: this.#pace.stall,
      progress: (state, doneBytes, reason) => {
        if (reason === "not-kept") this.#fetches.delete(fileId);
        this.#tell(fileId, state, doneBytes, chunks.note.size, reason);
      },
      keep: (index, sealed) => this.#store.put(fileId, index, sealed),
      done: () => this.#fetched(fileId, chunks.note.size),
    });
    this.#fetches.set(fileId, fetch);
    fetch.wake();
  }

  /**
   * End a fetch, or a preparation.
   *
   * @param {string} place A file id, or the name of a preparation.
   */
  cancel(place) {
    const fetch = this.#fetches.get(place);
    if (!fetch) return this.#preparations.cancel(place);
    this.#fetches.delete(place);
    const holder = fetch.stop();
    if (holder) void this.#reports.send(holder, "file-enough", [fromBase64url(place)]);
    this.#tell(place, "cancelled", 0, fetch.size);
  }

  /** End all that is on its way, preparations too: nothing is kept for a session that is forgotten. */
  stop() {
    this.#preparations.stop();
    for (const fetch of this.#fetches.values()) fetch.stop();
    this.#fetches.clear();
    this.#serving.stop();
  }

  /**
   * A file that is here, opened. If it turns out not to be, that is told of its transfer too.
   *
   * @param {string} fileId
   * @returns {Promise<Uint8Array[]>}
   * @throws {RangeError} It is not here, or no longer.
   * @throws {import("../protocol/primitives.js").ForgedError} Whoever sent it has sealed something else.
   */
  async open(fileId) {
    const chunks = this.#chunks.get(fileId);
    const isHere = this.transfer(fileId)?.state === "here";
    if (!chunks || !isHere) throw new RangeError("that file is not here");
    const opened = [];
    for (let index = 0; index < chunks.count; index++) {
      const sealed = await this.#store.get(fileId, index).catch(() => null);
      if (!sealed) throw this.#unopened(chunks, "lost", new RangeError("it is no longer here"));
      try {
        opened.push(chunks.open(index, sealed));
      } catch (error) {
        throw this.#unopened(chunks, "damaged", error);
      }
    }
    return opened;
  }

  /**
   * @param {Chunks} chunks
   * @param {Failure} reason
   * @param {unknown} error
   */
  #unopened({ note }, reason, error) {
    this.#tell(note.id, "failed", 0, note.size, reason);
    return error;
  }

  /**
   * @param {Person} person
   * @param {Uint8Array[]} fields
   */
  async serve(person, [fileId, first, count]) {
    if (this.isFor(toBase64url(fileId), person.id)) {
      const request = { first: fromU64(first), count: fromU64(count) };
      await this.#serving.begin(person, fileId, request);
    } else {
      await this.#reports.send(person, "file-gone", [fileId]);
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   */
  enough(person, fileId) {
    this.#serving.end(person, fileId);
  }

  /**
   * @param {Person} person
   * @param {Uint8Array[]} fields
   */
  async takeChunk(person, [fileId, index, sealed]) {
    await this.#fetches.get(toBase64url(fileId))?.take(person, fromU64(index), sealed);
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   */
  gone(person, fileId) {
    this.#holders.get(toBase64url(fileId))?.delete(person.id);
    this.#fetches.get(toBase64url(fileId))?.giveUp(person);
  }

  /**
   * Find out how much of a file is here already.
   *
   * @param {Chunks} chunks
   */
  async #look({ note, count }) {
    const here = await this.#store.indexes(note.id).catch(() => []);
    if (this.#transfers.has(note.id)) return;
    const isHere = here.length === count;
    const doneBytes = isHere ? note.size : Math.min(here.length * note.chunk, note.size);
    this.#tell(note.id, isHere ? "here" : "offered", doneBytes, note.size);
  }

  /**
   * @param {string} fileId
   * @param {(memberId: string) => boolean} except
   */
  #holder(fileId, except) {
    const holders = [...(this.#holders.get(fileId) ?? [])].filter((id) => id !== this.#ownId);
    const people = holders.flatMap((id) => this.#roster.get(id) ?? []);
    return people.find(
      ({ id, card, isPresent, isRemoved }) => card && isPresent && !isRemoved && !except(id),
    );
  }

  /**
   * @param {string} fileId
   * @param {number} size
   */
  #fetched(fileId, size) {
    this.#fetches.delete(fileId);
    this.#tell(fileId, "here", size, size);
    for (const to of this.#readers.others(fileId, this.#ownId)) this.#reports.complete(fileId, to);
  }

  /**
   * @param {string} fileId
   * @param {Transfer["state"]} state
   * @param {number} doneBytes
   * @param {number} size
   * @param {Failure | null} [reason]
   */
  #tell(fileId, state, doneBytes, size, reason = null) {
    this.#report({ fileId, state, doneBytes, size, reason });
  }

  /** @param {Transfer} transfer */
  #report(transfer) {
    this.#transfers.set(transfer.fileId, transfer);
    this.#reports.transfer(transfer);
  }
}

/**
 * @param {FileNote} one
 * @param {FileNote} other
 */
function isSame(one, other) {
  return (
    one.key === other.key &&
    one.hashes === other.hashes &&
    one.size === other.size &&
    one.chunk === other.chunk
  );
}
