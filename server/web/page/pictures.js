// @ts-check
/** Pictures: which bytes are one, and small ones that go ahead of those that are fetched. */

import { MAX_PREVIEW_BYTES } from "../protocol/chunks.js";

const PREVIEW_SIDES = [640, 480, 320, 160];
const PREVIEW_QUALITIES = [0.8, 0.65, 0.5, 0.35];
const MAX_PREVIEW_SIDE = 2048;

/** How the pictures begin that a browser may draw: no SVG, which can hold anything. */
const BEGINNINGS = /** @type {const} */ ([
  ["image/png", [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ["image/jpeg", [0xff, 0xd8, 0xff]],
  ["image/gif", [0x47, 0x49, 0x46, 0x38]],
]);

/**
 * The type of a picture by its bytes: nobody's word is taken for it.
 *
 * @param {Uint8Array} bytes At least the first twelve.
 * @returns {string | null} Null if it is none that is shown.
 */
export function pictureType(bytes) {
  const begins = (/** @type {readonly number[]} */ start, at = 0) =>
    start.every((byte, index) => bytes[at + index] === byte);
  const found = BEGINNINGS.find(([, start]) => begins(start));
  if (found) return found[0];
  const isWebp = begins([0x52, 0x49, 0x46, 0x46]) && begins([0x57, 0x45, 0x42, 0x50], 8);
  return isWebp ? "image/webp" : null;
}

/**
 * Width and height of a preview, so that its place is kept while it is decoded.
 *
 * @param {Uint8Array} bytes
 * @returns {{width: number, height: number} | null} Null if it is no JPEG picture, or too large for a preview.
 */
export function previewSize(bytes) {
  if (pictureType(bytes) !== "image/jpeg") return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; at += 2 + view.getUint16(at + 2)) {
    if (!isFrameStart(bytes[at + 1])) continue;
    const size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    const longest = Math.max(size.height, size.width);
    return size.height && size.width && longest <= MAX_PREVIEW_SIDE ? size : null;
  }
  return null;
}

/**
 * Draw a small picture of a large one; nothing else that the file holds, such as a place, comes along.
 *
 * @param {Blob} file
 * @returns {Promise<Uint8Array | null>} A JPEG picture of at most 24 KiB; null if the file is no picture.
 */
export async function makePreview(file) {
  const start = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  if (!pictureType(start)) return null;
  try {
    const picture = await createImageBitmap(file);
    const preview = await shrink(picture);
    picture.close();
    return preview;
  } catch {
    return null; // It only begins like a picture.
  }
}

/** @param {ImageBitmap} picture */
async function shrink(picture) {
  for (const side of PREVIEW_SIDES) {
    const canvas = draw(picture, side);
    for (const quality of PREVIEW_QUALITIES) {
      const bytes = await encode(canvas, quality);
      if (bytes && bytes.length <= MAX_PREVIEW_BYTES) return bytes;
    }
  }
  return null;
}

/**
 * @param {ImageBitmap} picture
 * @param {number} side The longer one, at most.
 */
function draw(picture, side) {
  const scale = Math.min(1, side / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.fillStyle = "white"; // Under what is transparent.
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} quality
 * @returns {Promise<Uint8Array | null>}
 */
async function encode(canvas, quality) {
  /** @type {Blob | null} */
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
  return blob && new Uint8Array(await blob.arrayBuffer());
}

/** @param {number} marker Of a segment of a JPEG picture. */
function isFrameStart(marker) {
  return marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}
