// @ts-check
/** Which dialog is open. */

import { signal } from "../vendor/preact.js";

/**
 * @typedef {{kind: "group" | "invite" | "leave" | "next" | "people" | "session"} | {kind: "remove" | "report" | "safety" | "trust", personId: string} | {kind: "picture", note: import("../protocol/chunks.js").FileNote}} Opened
 */

export const opened = signal(/** @type {Opened | null} */ (null));

/** @param {Opened} dialog */
export function openDialog(dialog) {
  opened.value = dialog;
}

export function closeDialog() {
  opened.value = null;
}
