// @ts-check
/** The one dialog that is open, if any. */

import { html } from "../vendor/preact.js";
import { closeDialog, opened } from "./opened.js";

/**
 * What draws each kind of dialog; each is loaded when it is first wanted.
 *
 * @typedef {Record<string, import("./lazy.js").Lazy>} Views
 */

/** @param {{views: Views}} props */
export function OpenDialog({ views }) {
  const shown = opened.value;
  if (!shown || !Object.hasOwn(views, shown.kind)) return null;
  const { View } = views[shown.kind];
  const close = () => closeDialog(shown.opening);
  return html`<${View} key=${shown.opening} ...${shown} close=${close} />`;
}
