// @ts-check
/** Told once: from now on a reload would take something away. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { IconButton } from "./parts.js";
import { texts } from "./texts.js";

export function StaleNote() {
  const { isKept } = useConversation();
  const [isTold, setTold] = useState(false);
  const isStale = isKept?.value === false;
  // Also if it is over before anybody has closed it: the session's dialog says how it is.
  useEffect(() => (isStale ? () => setTold(true) : undefined), [isStale]);
  if (!isStale || isTold) return null;
  return html`<div class="stale-note" role="alert">
    <p>${texts.conversation.stale}</p>
    <${IconButton} icon="cross" label=${texts.close} onClick=${() => setTold(true)} />
  </div>`;
}
