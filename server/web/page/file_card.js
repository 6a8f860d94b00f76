// @ts-check
/** A file in the conversation: what it is said to be, how far it has come, what can be done with it. */

import { fromBase64url } from "../protocol/bytes.js";
import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { fileParts, isolated } from "./clean.js";
import { useConversation } from "./context.js";
import { formats } from "./formats.js";
import { Icon, Ring } from "./icons.js";
import { openDialog } from "./opened.js";
import { previewSize } from "./pictures.js";
import { texts } from "./texts.js";

/** @type {[import("./icons.js").IconName & keyof typeof texts.files.kinds, RegExp][]} */
const KINDS = [
  ["picture", /\.(?:png|jpe?g|gif|webp|avif|heic|bmp|tiff?|svg)$/iu],
  ["sound", /\.(?:mp3|m4a|ogg|opus|wav|flac|aac)$/iu],
  ["film", /\.(?:mp4|m4v|mov|webm|mkv|avi)$/iu],
  ["text", /\.(?:txt|md|pdf|docx?|odt|rtf|xlsx?|ods|pptx?|odp|csv|epub)$/iu],
  ["archive", /\.(?:zip|7z|rar|tar|gz|tgz|xz|zst|bz2)$/iu],
  ["program", /\.(?:exe|msi|bat|cmd|com|scr|ps1|sh|js|jar|apk|app|dmg|deb|rpm|html?|py)$/iu],
];

/**
 * @typedef {import("../protocol/chunks.js").FileNote} FileNote
 * @typedef {import("../client/files.js").Transfer} Transfer
 */

/** @param {{note: FileNote, isOwn: boolean}} props */
export function FileCard({ note, isOwn }) {
  const { attachments } = useConversation();
  const transfer = attachments.transfer(note.id).value;
  const { stem, ending } = fileParts(note.name);
  const kind = KINDS.find(([, endings]) => endings.test(ending))?.[0] ?? "other";
  return html`<div class=${`file ${note.preview ? "has-preview" : ""}`}>
    ${note.preview && html`<${Preview} note=${note} />`}
    <div class="file-line">
      <span class="file-sign" title=${texts.files.kinds[kind]}><${Icon} name=${kind} /></span>
      <div class="file-words">
        <p class="file-name"><bdi class="file-stem">${stem}</bdi><bdi>${ending}</bdi></p>
        <p class="file-state">${stateOf(note, transfer)}</p>
      </div>
      <${FileWays} note=${note} transfer=${transfer} />
    </div>
    <${Problem} transfer=${transfer} />
    <${FetchedBy} note=${note} isOwn=${isOwn} />
  </div>`;
}

/**
 * @param {FileNote} note
 * @param {Transfer | null} transfer
 */
function stateOf({ size }, transfer) {
  const whole = formats.size(size);
  if (!transfer) return whole;
  const { state, doneBytes } = transfer;
  const percent = texts.files.percent(Math.floor((100 * doneBytes) / Math.max(1, size)));
  if (state === "fetching") return `${whole} · ${percent}`;
  if (state === "paused") return `${whole} · ${texts.files.paused}`;
  return whole;
}

/**
 * Why a file did not come, or cannot be had of what is stored.
 *
 * @param {Transfer | null} transfer
 */
export function problemOf(transfer) {
  return transfer?.state === "failed" && transfer.reason
    ? texts.files.problems[transfer.reason]
    : null;
}

/** @param {{transfer: Transfer | null}} props */
function Problem({ transfer }) {
  const problem = problemOf(transfer);
  return problem && html`<p class="file-problem" role="alert">${problem}</p>`;
}

/** @param {{note: FileNote, transfer: Transfer | null}} props */
function FileWays({ note, transfer }) {
  const { attachments, standing } = useConversation();
  const state = transfer?.state ?? "offered";
  if (state === "fetching" || state === "paused") {
    const part = (transfer?.doneBytes ?? 0) / Math.max(1, note.size);
    const cancel = () => attachments.cancel(note.id);
    return html`<${CancelRing} name=${note.name} part=${part} cancel=${cancel} />`;
  }
  if (state === "here") {
    return html`<${Way} icon="down" words=${texts.files.save} name=${note.name} go=${() => attachments.save(note)} />`;
  }
  // Whoever has it can no longer be asked, or has nothing else.
  if (standing.value.state === "ended" || transfer?.reason === "damaged") return null;
  return html`<${Way} icon="down" words=${texts.files.fetch} name=${note.name} go=${() => attachments.fetch(note.id)} />`;
}

/** @param {{icon: import("./icons.js").IconName, words: string, name: string, go: () => void}} props */
function Way({ words, name, go }) {
  return html`<button class="button small" onClick=${go}>
    ${words}<span class="unseen"> ${isolated(name)}</span>
  </button>`;
}

/**
 * A ring that shows progress and ends it.
 *
 * @param {{name: string, part: number, cancel: () => void}} props
 */
export function CancelRing({ name, part, cancel }) {
  const label = texts.files.cancel(isolated(name));
  return html`<button class="icon-button cancel-ring" aria-label=${label} title=${label} onClick=${cancel}>
    <${Ring} part=${part} /><${Icon} name="cross" />
  </button>`;
}

/** @param {{note: FileNote}} props */
function Preview({ note }) {
  const bytes = useMemo(() => fromBase64url(note.preview ?? ""), [note.preview]);
  const size = useMemo(() => previewSize(bytes), [bytes]);
  const address = useAddress(bytes, size !== null);
  if (!size) return null;
  const label = texts.files.openPicture(isolated(note.name));
  return html`<button
    class="preview"
    aria-label=${label}
    onClick=${() => openDialog({ kind: "picture", note })}
  >
    <img src=${address} width=${size.width} height=${size.height} alt="" decoding="async" />
  </button>`;
}

/**
 * An address of bytes, as long as they are shown.
 *
 * @param {Uint8Array} bytes
 * @param {boolean} isShown
 */
function useAddress(bytes, isShown) {
  const [address, setAddress] = useState(/** @type {string | undefined} */ (undefined));
  useEffect(() => {
    if (!isShown) return undefined;
    const part = /** @type {Uint8Array<ArrayBuffer>} */ (bytes);
    const made = URL.createObjectURL(new Blob([part], { type: "image/jpeg" }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [bytes, isShown]);
  return address;
}

/** @param {{note: FileNote, isOwn: boolean}} props */
function FetchedBy({ note, isOwn }) {
  const { attachments, crowd, standing } = useConversation();
  const ids = attachments.holders(note.id).value;
  if (!isOwn) return null;
  if (ids.length === 0) {
    return standing.value.state !== "ended" && html`<p class="fetched-by">${texts.files.own}</p>`;
  }
  const names = ids.map((id) => crowd.person(id).label);
  return html`<p class="fetched-by"><${Icon} name="check" />${texts.files.fetchedBy(names)}</p>`;
}
