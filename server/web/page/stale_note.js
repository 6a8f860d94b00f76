// @ts-check
/** Told once: from now on a reload would take something away. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { IconButton } from "./parts.js";
import { texts } from "./texts.js";

/** What waits to be sent may be too much for a moment only. */
const PATIENCE_MS = 1_500;

export function StaleNote() {
  const { isKept } = useConversation();
  const [isTold, setTold] = useState(false);
  const [isLasting, setLasting] = useState(false);
  const isStale = isKept?.value === false;
  useEffect(() => {
    const timer = setTimeout(() => setLasting(isStale), isStale ? PATIENCE_MS : 0);
    return () => clearTimeout(timer);
  }, [isStale]);
  if (!isLasting || isTold) return null;
  return html`<div class="stale-note" role="alert">
    <p>${texts.conversation.stale}</p>
    <${IconButton} icon="cross" label=${texts.close} onClick=${() => setTold(true)} />
  </div>`;
}
