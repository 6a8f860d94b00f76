// @ts-check
/** What one has to know before the first word. */

import { html } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { Icon } from "./icons.js";
import { openDialog } from "./opened.js";
import { texts } from "./texts.js";

export function Beginning() {
  const { session, crowd, isKept, standing } = useConversation();
  const isAlone = crowd.readers.length === 0;
  const { conversation } = texts;
  const history = session.link.sharesHistory ? conversation.shared : conversation.unshared;
  return html`<section class="beginning">
    <span class="beginning-sign"><${Icon} name="lock" /></span>
    <h2>${conversation.begin}</h2>
    <p>${conversation.sealed} ${history}</p>
    ${!isKept && html`<p>${conversation.unkept}</p>`}
    ${
      isAlone &&
      standing.value.state === "connected" &&
      html`<button class="button primary" onClick=${() => openDialog({ kind: "invite" })}>
        ${conversation.invite}
      </button>`
    }
  </section>`;
}
