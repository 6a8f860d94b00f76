// @ts-check
/** Files of a conversation: those that are made ready to be sent, and those that are fetched. */

import { CancelledError } from "../client/preparing.js";
import { MAX_FILE_BYTES } from "../protocol/chunks.js";
import { signal } from "../vendor/preact.js";
import { Allowance } from "./allowance.js";
import { oneLine, savedName } from "./clean.js";
import { formats } from "./formats.js";
import { makePreview, pictureType } from "./pictures.js";
import { texts } from "./texts.js";

/** A saved file's address must outlive the moment in which the browser begins to read it. */
const SAVING_MS = 60_000;

/**
 * @typedef {import("../client/files.js").Transfer} Transfer
 * @typedef {import("../protocol/chunks.js").FileNote} FileNote
 * @typedef {import("../client/entries.js").Entry} Entry
 * @typedef {import("../vendor/preact.js").Signal<Transfer | null>} TransferSignal
 *
 * A file that is made ready; `problem` says why it is not sent.
 * @typedef {{place: string, name: string, size: number, problem: string | null}} Upload
 */

export class Attachments {
  #session;
  #uploads = 0;
  /** @type {Map<string, TransferSignal>} By file id or place. */
  #transfers = new Map();
  /** @type {Map<string, import("../vendor/preact.js").Signal<readonly string[]>>} */
  #holders = new Map();
  #allowance = new Allowance();
  /** @type {Set<string>} Pictures that are fetched unasked, once. */
  #wanted = new Set();

  uploads = signal(/** @type {readonly Upload[]} */ ([]));

  /** @param {import("../client/session.js").Session} session */
  constructor(session) {
    this.#session = session;
    session.on("transfer", (transfer) => this.#hear(transfer));
    session.on("downloaded", ({ fileId, memberId }) => {
      const holders = this.holders(fileId);
      if (!holders.peek().includes(memberId)) holders.value = [...holders.peek(), memberId];
    });
  }

  /**
   * How far a file has come.
   *
   * @param {string} place A file id, or the place of an upload.
   * @returns {TransferSignal}
   */
  transfer(place) {
    const known = this.#transfers.get(place);
    if (known) return known;
    /** @type {TransferSignal} */
    const made = signal(this.#session.transfer(place) ?? null);
    this.#transfers.set(place, made);
    return made;
  }

  /**
   * Who has told that they have fetched a file.
   *
   * @param {string} fileId
   */
  holders(fileId) {
    const known = this.#holders.get(fileId) ?? signal(/** @type {readonly string[]} */ ([]));
    this.#holders.set(fileId, known);
    return known;
  }

  /**
   * Make files ready, and send them.
   *
   * @param {Iterable<File>} files
   * @param {string | null} audience
   */
  async send(files, audience) {
    const added = [...files].map((file) => ({ file, upload: this.#add(file) }));
    for (const { file, upload } of added) {
      if (this.#has(upload)) await this.#sendOne(file, upload, audience);
    }
  }

  /**
   * A message has come; small pictures are fetched at once, some of them.
   *
   * @param {Entry} entry
   */
  notice(entry) {
    if (entry.type !== "message" || entry.content?.kind !== "file") return;
    const { file } = entry.content;
    if (entry.status !== "received" || !file.preview) return;
    if (!this.#allowance.take(file, entry.senderId)) return;
    const { id } = file;
    this.#wanted.add(id);
    const transfer = this.transfer(id).peek();
    if (transfer) this.#hear(transfer);
  }

  /** @param {string} fileId */
  fetch(fileId) {
    void this.#session.fetchFile(fileId);
  }

  /** @param {string} place A file id, or the place of an upload. */
  cancel(place) {
    this.#wanted.delete(place);
    this.uploads.value = this.uploads.peek().filter((upload) => upload.place !== place);
    this.#session.cancelFile(place);
  }

  /**
   * Give a file that is here to the browser, to be saved.
   *
   * @param {FileNote} note
   */
  async save(note) {
    // Why it cannot be opened is told of the transfer, and shown with the file.
    const parts = await this.#session.openFile(note.id).catch(() => null);
    if (!parts) return;
    // Of no type, whatever its sender says: a browser must not show it instead.
    const address = URL.createObjectURL(blobOf(parts, "application/octet-stream"));
    const link = document.createElement("a");
    link.href = address;
    link.download = savedName(note.name);
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), SAVING_MS);
  }

  /**
   * A picture that is here.
   *
   * @param {FileNote} note
   * @returns {Promise<Blob | null>} Null if it is no picture, whatever it is called.
   */
  async picture(note) {
    const parts = await this.#session.openFile(note.id);
    const type = pictureType(parts[0] ?? new Uint8Array());
    return type ? blobOf(parts, type) : null;
  }

  /** @param {Transfer} transfer */
  #hear(transfer) {
    this.transfer(transfer.fileId).value = transfer;
    if (transfer.state !== "offered" || !this.#wanted.delete(transfer.fileId)) return;
    this.fetch(transfer.fileId);
  }

  /**
   * @param {File} file
   * @returns {Upload}
   */
  #add(file) {
    this.#uploads += 1;
    const isTooLarge = file.size > MAX_FILE_BYTES;
    const problem = isTooLarge ? texts.files.tooLarge(formats.size(MAX_FILE_BYTES)) : null;
    const place = `upload-${this.#uploads}`;
    const upload = { place, name: oneLine(file.name), size: file.size, problem };
    this.uploads.value = [...this.uploads.peek(), upload];
    return upload;
  }

  /** @param {Upload} upload */
  #has({ place, problem }) {
    return !problem && this.uploads.peek().some((upload) => upload.place === place);
  }

  /**
   * @param {File} file
   * @param {Upload} upload
   * @param {string | null} audience
   */
  async #sendOne(file, upload, audience) {
    const { place } = upload;
    try {
      const preview = await makePreview(file);
      if (!this.#has(upload)) return;
      await this.#session.sendFile(file, { audience, preview, place });
      this.#drop(place);
    } catch (error) {
      if (error instanceof CancelledError) return this.#drop(place);
      const reason = this.transfer(place).peek()?.reason ?? "unreadable";
      this.#fail(place, texts.files.problems[reason]);
    }
  }

  /** @param {string} place */
  #drop(place) {
    this.uploads.value = this.uploads.peek().filter((upload) => upload.place !== place);
    this.#transfers.delete(place);
  }

  /**
   * @param {string} place
   * @param {string} problem
   */
  #fail(place, problem) {
    const change = (/** @type {Upload} */ upload) =>
      upload.place === place ? { ...upload, problem } : upload;
    this.uploads.value = this.uploads.peek().map(change);
  }
}

/**
 * @param {Uint8Array[]} parts
 * @param {string} type
 */
function blobOf(parts, type) {
  return new Blob(/** @type {Uint8Array<ArrayBuffer>[]} */ (parts), { type });
}
