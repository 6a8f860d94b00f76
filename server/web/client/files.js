// @ts-check
/** Files on their way: offered by who sent them, fetched chunk by chunk. docs/PROTOCOL.md, section 10. */

import { fromBase64url, fromU64, toBase64url, u64 } from "../protocol/bytes.js";
import { Chunks, sealFile } from "../protocol/chunks.js";
import { Fetch } from "./fetch.js";

const MAX_SERVED_AT_ONCE = 64;

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
 * @property {string | null} reason Why it failed.
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
 * @property {(fileId: string) => void} complete It was fetched whole.
 */

/** A fetch that was ended by who asked for it. */
export class CancelledError extends Error {
  name = "CancelledError";
}

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
  /** @type {Set<string>} Chunks on their way to somebody: reader and file. */
  #serving = new Set();
  /** @type {Set<string>} Preparations that are to end. */
  #cancelled = new Set();

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
  }

  /** @param {string} fileId */
  transfer(fileId) {
    return this.#transfers.get(fileId);
  }

  /**
   * Seal a file into the store, so that it can be offered.
   *
   * @param {Blob & {name: string}} file
   * @param {string} place A name for this preparation, by which `cancel` ends it.
   * @returns {Promise<FileNote>}
   * @throws {CancelledError}
   */
  async prepare(file, place) {
    const read = async (/** @type {number} */ start, /** @type {number} */ end) =>
      new Uint8Array(await file.slice(start, end).arrayBuffer());
    const note = await sealFile(file, read, async (fileId, index, sealed, doneBytes) => {
      await this.#store.put(fileId, index, sealed);
      this.#tell(place, "preparing", doneBytes, file.size);
      if (!this.#cancelled.delete(place)) return;
      await this.#store.drop(fileId);
      throw new CancelledError("cancelled");
    });
    this.#chunks.set(note.id, new Chunks(note));
    this.#tell(note.id, "here", note.size, note.size);
    return note;
  }

  /**
   * A file of which a message tells.
   *
   * @param {FileNote} note
   * @param {string} senderId
   */
  async learn(note, senderId) {
    const isKnown = this.#chunks.has(note.id);
    const chunks = this.#chunks.get(note.id) ?? new Chunks(note);
    this.#chunks.set(note.id, chunks);
    this.addHolder(note.id, senderId);
    if (isKnown) return;
    const here = await this.#store.indexes(note.id);
    const isHere = here.length === chunks.count;
    const doneBytes = isHere ? note.size : Math.min(here.length * note.chunk, note.size);
    this.#tell(note.id, isHere ? "here" : "offered", doneBytes, note.size);
  }

  /**
   * @param {string} fileId
   * @param {string} memberId
   */
  addHolder(fileId, memberId) {
    if (!this.#chunks.has(fileId)) return;
    const holders = this.#holders.get(fileId) ?? new Set();
    this.#holders.set(fileId, holders.add(memberId));
    this.#fetches.get(fileId)?.wake();
  }

  /** Somebody has come who may have what is lacking. */
  retry() {
    for (const fetch of this.#fetches.values()) fetch.wake();
  }

  /** @param {string} fileId */
  async fetch(fileId) {
    const chunks = this.#chunks.get(fileId);
    if (!chunks || this.#fetches.has(fileId) || this.transfer(fileId)?.state === "here") return;
    const fetch = new Fetch(chunks, await this.#store.indexes(fileId), {
      holder: (asked) => this.#holder(fileId, asked),
      ask: (person, first, count) =>
        this.#reports.send(person, "file-wanted", [fromBase64url(fileId), u64(first), u64(count)]),
      stallMs: this.#pace.stall,
      progress: (state, doneBytes) => this.#tell(fileId, state, doneBytes, chunks.note.size),
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
    if (!fetch) {
      if (this.transfer(place)?.state === "preparing") this.#cancelled.add(place);
      return;
    }
    this.#fetches.delete(place);
    const holder = fetch.stop();
    if (holder) void this.#reports.send(holder, "file-enough", [fromBase64url(place)]);
    this.#tell(place, "cancelled", 0, fetch.size);
  }

  stop() {
    for (const fetch of this.#fetches.values()) fetch.stop();
    this.#fetches.clear();
  }

  /**
   * A file that is here, opened.
   *
   * @param {string} fileId
   * @returns {Promise<Uint8Array[]>}
   */
  async open(fileId) {
    const chunks = this.#chunks.get(fileId);
    const opened = [];
    for (let index = 0; index < (chunks?.count ?? 0); index++) {
      const sealed = await this.#store.get(fileId, index);
      if (!sealed || !chunks) throw new RangeError("that file is not here");
      opened.push(chunks.open(index, sealed));
    }
    return opened;
  }

  /**
   * @param {Person} person
   * @param {Uint8Array[]} fields
   */
  async serve(person, [fileId, firstField, countField]) {
    const id = toBase64url(fileId);
    const first = fromU64(firstField);
    const place = `${person.id} ${id}`;
    if (!this.#chunks.has(id)) return this.#reports.send(person, "file-gone", [fileId]);
    this.#serving.add(place);
    const end = first + Math.min(fromU64(countField), MAX_SERVED_AT_ONCE);
    for (let index = first; index < end && this.#serving.has(place); index++) {
      const sealed = await this.#store.get(id, index);
      if (!sealed) return this.#reports.send(person, "file-gone", [fileId]);
      await this.#reports.send(person, "file-chunk", [fileId, u64(index), sealed]);
    }
  }

  /**
   * @param {Person} person
   * @param {Uint8Array} fileId
   */
  enough(person, fileId) {
    this.#serving.delete(`${person.id} ${toBase64url(fileId)}`);
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
   * @param {string} fileId
   * @param {Set<string>} tried
   */
  #holder(fileId, tried) {
    const holders = [...(this.#holders.get(fileId) ?? [])].filter((id) => id !== this.#ownId);
    const people = holders.flatMap((id) => this.#roster.get(id) ?? []);
    return people.find(({ id, isPresent, isRemoved }) => isPresent && !isRemoved && !tried.has(id));
  }

  /**
   * @param {string} fileId
   * @param {number} size
   */
  #fetched(fileId, size) {
    this.#fetches.delete(fileId);
    this.#tell(fileId, "here", size, size);
    this.#reports.complete(fileId);
  }

  /**
   * @param {string} fileId
   * @param {Transfer["state"]} state
   * @param {number} doneBytes
   * @param {number} size
   */
  #tell(fileId, state, doneBytes, size) {
    const transfer = { fileId, state, doneBytes, size, reason: null };
    this.#transfers.set(fileId, transfer);
    this.#reports.transfer(transfer);
  }
}
