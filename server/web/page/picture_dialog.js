// @ts-check
/** A picture in its full size, once it is here. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { isolated, oneLine } from "./clean.js";
import { useConversation } from "./context.js";
import { problemOf } from "./file_card.js";
import { Ring } from "./icons.js";
import { Dialog } from "./parts.js";
import { texts } from "./texts.js";

/** @typedef {import("../protocol/chunks.js").FileNote} FileNote */

/** @param {{note: FileNote, close: () => void}} props */
export function PictureDialog({ note, close }) {
  const { attachments } = useConversation();
  const transfer = attachments.transfer(note.id).value;
  const isHere = transfer?.state === "here";
  const hasFailed = transfer?.state === "failed";
  const fetch = () => attachments.fetch(note.id);
  useEffect(() => {
    if (!isHere && !hasFailed) fetch();
  }, []);
  return html`<${Dialog} title=${oneLine(note.name)} close=${close} class="picture">
    ${isHere ? html`<${Picture} note=${note} />` : html`<${Waiting} note=${note} />`}
    <div class="dialog-ways">
      ${hasFailed && html`<button class="button" onClick=${fetch}>${texts.files.fetch}</button>`}
      <button class="button" disabled=${!isHere} onClick=${() => attachments.save(note)}>
        ${texts.files.save}
      </button>
    </div>
  <//>`;
}

/** @param {{note: FileNote}} props */
function Picture({ note }) {
  const { attachments } = useConversation();
  const [address, setAddress] = useState(/** @type {string | null} */ (null));
  const [isShowable, setShowable] = useState(true);
  useEffect(() => {
    let made = "";
    let isOver = false;
    const show = (/** @type {Blob | null} */ blob) => {
      if (!blob) return setShowable(false);
      if (isOver) return undefined;
      made = URL.createObjectURL(blob);
      return setAddress(made);
    };
    attachments.picture(note).then(show, () => setShowable(false));
    return () => {
      isOver = true;
      URL.revokeObjectURL(made);
    };
  }, [note.id]);
  if (!isShowable) return html`<p class="hint">${texts.files.notShown}</p>`;
  return html`<div class="picture-frame">
    ${
      address &&
      html`<img
        src=${address}
        alt=${texts.files.picture(isolated(note.name))}
        onError=${() => setShowable(false)}
      />`
    }
  </div>`;
}

/** @param {{note: FileNote}} props */
function Waiting({ note }) {
  const { attachments } = useConversation();
  const transfer = attachments.transfer(note.id).value;
  const isPaused = transfer?.state === "paused";
  const words = isPaused ? texts.files.paused : texts.files.fetching(isolated(note.name));
  const problem = problemOf(transfer);
  if (problem) return html`<p class="picture-frame waiting" role="alert">${problem}</p>`;
  return html`<div class="picture-frame waiting" role="status">
    <${Ring} part=${(transfer?.doneBytes ?? 0) / Math.max(1, note.size)} />
    <p>${words}</p>
  </div>`;
}
