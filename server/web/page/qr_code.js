// @ts-check
/** A QR code. What draws it is loaded when the first one is wanted. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { Outdated } from "./lazy.js";

const QUIET_ZONE = 4;

/** @param {{text: string, label: string}} props */
export function QrCode({ text, label }) {
  const [drawn, setDrawn] = useState(/** @type {{path: string, size: number} | null} */ (null));
  const [isOutdated, setOutdated] = useState(false);
  useEffect(() => {
    draw(text).then(setDrawn, () => setOutdated(true));
  }, [text]);
  if (isOutdated) {
    return html`<${Outdated} />`;
  }
  const side = (drawn?.size ?? 0) + 2 * QUIET_ZONE;
  const view = `${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}`;
  return html`<div class="qr">
    ${
      drawn &&
      html`<svg viewBox=${view} role="img" aria-label=${label} shape-rendering="crispEdges">
        <path d=${drawn.path} />
      </svg>`
    }
  </div>`;
}

/** @param {string} text */
async function draw(text) {
  const { generate, toSvgPath } = await import("../vendor/qr.js");
  const code = generate(text);
  return { path: toSvgPath(code), size: code.size };
}
