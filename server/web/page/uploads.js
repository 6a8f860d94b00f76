// @ts-check
/** Files that are being made ready to be sent, or that could not be. */

import { html } from "../vendor/preact.js";
import { isolated } from "./clean.js";
import { useConversation } from "./context.js";
import { CancelRing } from "./file_card.js";
import { formats } from "./formats.js";
import { IconButton } from "./parts.js";
import { texts } from "./texts.js";

/** @typedef {import("./attachments.js").Upload} Upload */

export function Uploads() {
  const { attachments } = useConversation();
  const uploads = attachments.uploads.value;
  if (uploads.length === 0) return null;
  return html`<ul class="uploads">
    ${uploads.map((upload) => html`<${UploadLine} key=${upload.place} upload=${upload} />`)}
  </ul>`;
}

/** @param {{upload: Upload}} props */
function UploadLine({ upload }) {
  const { attachments } = useConversation();
  const { place, name, size, problem } = upload;
  const doneBytes = attachments.transfer(place).value?.doneBytes ?? 0;
  const end = () => attachments.cancel(place);
  const words = texts.files.preparing(isolated(name));
  return html`<li class=${problem ? "has-problem" : ""}>
    <span class="upload-words" role=${problem ? "alert" : undefined}>
      ${problem ? `${isolated(name)}: ${problem}` : words}
    </span>
    <span class="hint">${formats.size(size)}</span>
    ${
      problem
        ? html`<${IconButton} icon="cross" label=${texts.close} onClick=${end} />`
        : html`<${CancelRing} name=${name} part=${doneBytes / Math.max(1, size)} cancel=${end} />`
    }
  </li>`;
}
