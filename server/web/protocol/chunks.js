// @ts-check
/** Files: encrypted in chunks, each known by its hash. docs/PROTOCOL.md, section 10. */

import { concat, equal, fromBase64url, MalformedError, pack, toBase64url, u64 } from "./bytes.js";
import { fileName, fileType, MAX_NAME_CHARS, MAX_TYPE_CHARS } from "./file_names.js";
import {
  ForgedError,
  HASH_BYTES,
  hash,
  KEY_BYTES,
  label,
  open,
  randomBytes,
  seal,
  TAG_BYTES,
} from "./primitives.js";

export const CHUNK_BYTES = 131_072;
export const MAX_FILE_BYTES = 67_108_864;
export const MAX_PREVIEW_BYTES = 24 * 1024;

const FILE_ID_BYTES = 16;
const NONCE_PREFIX = new Uint8Array(16);

/**
 * What a `file` message says.
 *
 * @typedef {object} FileNote
 * @property {string} id
 * @property {string} name The sender's word, as `fileName` makes it.
 * @property {string} type The sender's word, as `fileType` makes it.
 * @property {number} size Bytes.
 * @property {number} chunk Bytes of all chunks but the last.
 * @property {string} key
 * @property {string} hashes
 * @property {string} [preview] A JPEG picture in base64url.
 */

/** The chunks of one file: how to seal, check and open them. */
export class Chunks {
  #key;
  #hashes;
  #fileId;

  /**
   * @param {FileNote} note Of which `readFileNote` thought well.
   */
  constructor(note) {
    this.note = note;
    this.#fileId = fromBase64url(note.id);
    this.#key = fromBase64url(note.key);
    this.#hashes = fromBase64url(note.hashes);
    this.count = chunkCount(note.size, note.chunk);
  }

  /**
   * @param {number} index
   * @param {Uint8Array} sealed As somebody sent it.
   * @throws {ForgedError} It is not that chunk.
   */
  check(index, sealed) {
    const at = index * HASH_BYTES;
    const wanted = this.#hashes.subarray(at, at + HASH_BYTES);
    const isSized = sealed.length === this.#sealedBytes(index);
    if (!isSized || !equal(hash(sealed), wanted)) throw new ForgedError("another chunk");
  }

  /**
   * @param {number} index
   * @param {Uint8Array} sealed
   */
  open(index, sealed) {
    const context = chunkContext(this.#fileId, index, this.count);
    return open(this.#key, chunkNonce(index), context, sealed);
  }

  /**
   * How long a chunk is: whoever made the hashes could have made them of something larger than it says.
   *
   * @param {number} index
   */
  #sealedBytes(index) {
    const { size, chunk } = this.note;
    return Math.min(chunk, size - index * chunk) + TAG_BYTES;
  }
}

/**
 * Seal a file under a key of its own.
 *
 * @param {{name: string, type: string, size: number}} file
 * @param {(start: number, end: number) => Promise<Uint8Array>} read
 * @param {(fileId: string, index: number, sealed: Uint8Array, doneBytes: number) => Promise<void>} keep
 *   Told of each chunk in turn; what it raises ends it.
 * @returns {Promise<FileNote>}
 * @throws {RangeError} It is too large.
 */
export async function sealFile(file, read, keep) {
  if (file.size > MAX_FILE_BYTES) throw new RangeError(`a file may have ${MAX_FILE_BYTES} bytes`);
  const fileId = randomBytes(FILE_ID_BYTES);
  const id = toBase64url(fileId);
  const key = randomBytes(KEY_BYTES);
  const count = chunkCount(file.size, CHUNK_BYTES);
  const hashes = [];
  for (let index = 0; index < count; index++) {
    const start = index * CHUNK_BYTES;
    const end = Math.min(start + CHUNK_BYTES, file.size);
    const sealed = sealChunk(key, fileId, index, count, await read(start, end));
    hashes.push(hash(sealed));
    await keep(id, index, sealed, end);
  }
  return {
    id,
    name: fileName(file.name),
    type: fileType(file.type),
    size: file.size,
    chunk: CHUNK_BYTES,
    key: toBase64url(key),
    hashes: toBase64url(concat(...hashes)),
  };
}

/**
 * @param {unknown} said What a `file` message holds.
 * @returns {FileNote}
 * @throws {MalformedError}
 */
export function readFileNote(said) {
  const note = /** @type {FileNote} */ (said);
  const isText = [note?.id, note?.name, note?.type, note?.key, note?.hashes].every(
    (field) => typeof field === "string",
  );
  const isSized =
    Number.isInteger(note?.size) &&
    Number.isInteger(note?.chunk) &&
    note.size >= 0 &&
    note.size <= MAX_FILE_BYTES &&
    note.chunk > 0 &&
    note.chunk <= CHUNK_BYTES;
  if (!isText || !isSized) throw new MalformedError("no note of a file");
  const isFitting =
    fromBase64url(note.id).length === FILE_ID_BYTES &&
    fromBase64url(note.key).length === KEY_BYTES &&
    fromBase64url(note.hashes).length === chunkCount(note.size, note.chunk) * HASH_BYTES &&
    note.name.length > 0 &&
    [...note.name].length <= MAX_NAME_CHARS &&
    [...note.type].length <= MAX_TYPE_CHARS &&
    isPreview(note.preview);
  if (!isFitting) throw new MalformedError("a field of a wrong size");
  const { id, size, chunk, key, hashes, preview } = note;
  const known = {
    id,
    name: fileName(note.name),
    type: fileType(note.type),
    size,
    chunk,
    key,
    hashes,
  };
  return preview === undefined ? known : { ...known, preview };
}

/**
 * @param {number} size
 * @param {number} chunkBytes
 */
function chunkCount(size, chunkBytes) {
  return Math.ceil(size / chunkBytes);
}

/** @param {unknown} preview */
function isPreview(preview) {
  if (preview === undefined) return true;
  return typeof preview === "string" && fromBase64url(preview).length <= MAX_PREVIEW_BYTES;
}

/**
 * @param {Uint8Array} key
 * @param {Uint8Array} fileId
 * @param {number} index
 * @param {number} count
 * @param {Uint8Array} plain
 */
function sealChunk(key, fileId, index, count, plain) {
  return seal(key, chunkNonce(index), chunkContext(fileId, index, count), plain);
}

/** @param {number} index */
function chunkNonce(index) {
  return concat(NONCE_PREFIX, u64(index));
}

/**
 * @param {Uint8Array} fileId
 * @param {number} index
 * @param {number} count
 */
function chunkContext(fileId, index, count) {
  return pack(label("chunk"), fileId, u64(index), u64(count));
}
