// @ts-check
/** The invitation: a link, to be passed on with care. */

import { html, useRef, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { Icon } from "./icons.js";
import { Dialog } from "./parts.js";
import { QrCode } from "./qr_code.js";
import { texts } from "./texts.js";

/** @param {{close: () => void}} props */
export function InviteDialog({ close }) {
  const { session, isLocked } = useConversation();
  const link = `${location.origin}${location.pathname}#${session.link.fragment}`;
  const { invite } = texts;
  return html`<${Dialog} title=${invite.title} close=${close} class="invite">
    <p>${invite.lead}</p>
    <${LinkField} link=${link} />
    <${QrCode} text=${link} label=${invite.qr} />
    ${isLocked.value && html`<p class="caution"><${Icon} name="lock" />${invite.locked}</p>`}
    <p class="caution">
      <${Icon} name="alert" />
      <span>${invite.warning}${session.link.sharesHistory && ` ${invite.shared}`}</span>
    </p>
  <//>`;
}

/** @param {{link: string}} props */
function LinkField({ link }) {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [copied, setCopied] = useState("");
  const { invite } = texts;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(invite.copied);
    } catch {
      setCopied(invite.uncopied);
      field.current?.select();
    }
  };
  // Whoever closes the sheet without choosing has not made a mistake.
  const share = () => navigator.share({ title: invite.shareText, url: link }).catch(() => {});
  const isCopied = copied === invite.copied;
  return html`<div class="link-field">
      <input
        ref=${field}
        readonly
        aria-label=${invite.link}
        value=${link}
        onFocus=${(/** @type {any} */ event) => event.currentTarget.select()}
      />
      <button class="button primary" autofocus onClick=${copy}>
        <${Icon} name=${isCopied ? "check" : "copy"} />${isCopied ? copied : invite.copy}
      </button>
      ${
        "share" in navigator &&
        html`<button class="button" onClick=${share}><${Icon} name="share" />${invite.share}</button>`
      }
    </div>
    <p class=${isCopied ? "unseen" : "hint"} role="status">${copied}</p>`;
}
