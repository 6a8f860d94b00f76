// @ts-check
/** Views that are loaded when they are wanted. */

import { html, signal, useEffect } from "../vendor/preact.js";
import { texts } from "./texts.js";

/**
 * It draws nothing until it is there; `begin` has it come ahead.
 *
 * @typedef {{View: (props: any) => any, begin: () => void}} Lazy
 */

/**
 * @param {() => Promise<any>} load Brings the component.
 * @returns {Lazy}
 */
export function lazy(load) {
  const loaded = signal(/** @type {any} */ (null));
  const isOutdated = signal(false);
  let isBegun = false;
  const begin = () => {
    if (isBegun) return;
    isBegun = true;
    load().then(
      (view) => {
        loaded.value = view;
      },
      () => {
        isOutdated.value = true;
      },
    );
  };
  const View = (/** @type {any} */ props) => {
    useEffect(begin, []);
    if (isOutdated.value) return html`<${Outdated} />`;
    return loaded.value && html`<${loaded.value} ...${props} />`;
  };
  return { View, begin };
}

/** A file has other bytes than this page was made for: its server is newer. */
export function Outdated() {
  return html`<p class="outdated" role="alert">
    ${texts.banner.outdated}
    <button class="quiet-link" onClick=${() => location.reload()}>${texts.banner.reload}</button>
  </p>`;
}
