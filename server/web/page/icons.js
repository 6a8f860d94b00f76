// @ts-check
/** Signs, drawn for this page: strokes on a field of 20 by 20. */

import { html } from "../vendor/preact.js";

const PATHS = {
  alert: "M10 3.2 17.6 16.4H2.4ZM10 8v3.8M10 14.1v.1",
  archive: "M3.5 4h13v3.5h-13ZM4.5 7.5V16h11V7.5M8.2 10.5h3.6",
  attach:
    "m15.8 9.3-5.9 5.9a3.6 3.6 0 0 1-5.1-5.1l6.4-6.4a2.4 2.4 0 0 1 3.4 3.4l-6.3 6.3a1.2 1.2 0 0 1-1.7-1.7l5.6-5.6",
  check: "m4.5 10.5 3.7 3.7 7.3-8.2",
  clock: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14ZM10 6.2V10l2.6 1.6",
  copy: "M7 7h9.5v9.5H7ZM4 13H3.5V3.5H13V4",
  cross: "m5.2 5.2 9.6 9.6M14.8 5.2l-9.6 9.6",
  down: "M10 4v11.5M5 10.8l5 5 5-5",
  film: "M3 4.5h14v11H3ZM8.3 7.6l4.2 2.4-4.2 2.4Z",
  invite:
    "M8.2 11.8a3.3 3.3 0 0 0 4.9.3l2.7-2.7a3.4 3.4 0 0 0-4.8-4.8l-1 1M11.8 8.2a3.3 3.3 0 0 0-4.9-.3l-2.7 2.7a3.4 3.4 0 0 0 4.8 4.8l1-1",
  leave: "M8.5 3.5h-5v13h5M8 10h9M13.6 6.4 17.2 10l-3.6 3.6",
  lock: "M4.8 9h10.4v7.5H4.8ZM7 9V6.6a3 3 0 0 1 6 0V9",
  next: "M4 4.5 9.5 10 4 15.5M10 4.5l5.5 5.5-5.5 5.5",
  other: "M5 2.8h6.5L15.5 7v10.2H5ZM11.3 3v4.2h4",
  people:
    "M7.6 9.6a2.9 2.9 0 1 0 0-5.8 2.9 2.9 0 0 0 0 5.8ZM2.4 16.4c.4-3 2.4-4.6 5.2-4.6s4.8 1.6 5.2 4.6M12.8 4.2a2.7 2.7 0 0 1 0 5.1M14.7 12.2c1.7.6 2.7 2 3 4.2",
  picture: "M3 4h14v12H3ZM3.3 14l4-4.4 3.4 3.6 2.2-2 3.8 3.4M13 7.8v.1",
  private:
    "M2.5 10s2.7-4.8 7.5-4.8S17.5 10 17.5 10s-2.7 4.8-7.5 4.8S2.5 10 2.5 10ZM10 8a2 2 0 1 0 0 4 2 2 0 0 0 0-4Z",
  program: "M3 4h14v12H3ZM3 7.2h14M6.2 10l2 1.8-2 1.8M10.4 13.6h3",
  retry: "M15.8 8A6.2 6.2 0 1 0 16 11.6M16.2 3.8V8.2h-4.4",
  send: "M10 16.2V4.4M4.8 9.4 10 4.2l5.2 5.2",
  session:
    "M3 6.2h7.2M14.4 6.2H17M3 13.8h2.6M9.8 13.8H17M12.3 4.1a2.1 2.1 0 1 0 0 4.2 2.1 2.1 0 0 0 0-4.2ZM7.7 11.7a2.1 2.1 0 1 0 0 4.2 2.1 2.1 0 0 0 0-4.2Z",
  share: "M10 12V3M6.4 6.2 10 2.8l3.6 3.4M5.5 9.2H4v7.6h12V9.2h-1.5",
  sound:
    "M3.5 8v4h2.8L10 15.2V4.8L6.3 8ZM12.6 7.4a3.6 3.6 0 0 1 0 5.2M14.8 5.4a6.5 6.5 0 0 1 0 9.2",
  strangers: "M3.2 3.5h9.3v6.8H7.6L4.8 12.6v-2.3H3.2ZM14.6 7.2h2.2V14h-1.6v2.4L12.4 14H8.6v-1.6",
  text: "M5 2.8h6.5L15.5 7v10.2H5ZM11.3 3v4.2h4M7.6 10.4h5.2M7.6 13.4h5.2",
  verified: "M10 2.6 16 5v4.6c0 3.7-2.5 6.4-6 7.8-3.5-1.4-6-4.1-6-7.8V5ZM7 9.9l2.2 2.2 3.8-4.2",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{name: IconName}} props */
export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} />
  </svg>`;
}

/** The sign of Hushwire: one speaks, a wire hangs between, one listens. */
export function Sign() {
  return html`<svg class="sign" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path class="sign-wire" d="M7 19.5C9.5 30 21 27.5 24.2 13.4" />
    <circle class="sign-speaks" cx="7" cy="15" r="4.5" />
    <circle class="sign-listens" cx="25" cy="9" r="4" />
  </svg>`;
}

/** How far something has come, as a ring. */
/** @param {{part: number}} props From 0 to 1. */
export function Ring({ part }) {
  const length = 2 * Math.PI * 8;
  return html`<svg class="ring" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
    <circle class="ring-way" cx="10" cy="10" r="8" />
    <circle
      class="ring-done"
      cx="10"
      cy="10"
      r="8"
      stroke-dasharray=${length}
      stroke-dashoffset=${length * (1 - part)}
    />
  </svg>`;
}
