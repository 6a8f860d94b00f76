// @ts-check
/** Which dialog is open. */

import { signal } from "../vendor/preact.js";

/**
 * @typedef {{kind: "group" | "invite" | "leave" | "next" | "people" | "session"} | {kind: "remove" | "report" | "safety" | "trust", personId: string} | {kind: "picture", note: import("../protocol/chunks.js").FileNote}} Opened
 */

/** With a number for each time: one that is opened again while it is closing is another one. */
export const opened = signal(/** @type {(Opened & {opening: number}) | null} */ (null));
let openings = 0;

/** @param {Opened} dialog */
export function openDialog(dialog) {
  openings += 1;
  opened.value = { ...dialog, opening: openings };
}

/**
 * Close the dialog that is open.
 *
 * @param {number} [opening] Only if it is that one: another may have been opened since.
 */
export function closeDialog(opening = opened.peek()?.opening) {
  if (opened.peek()?.opening === opening) opened.value = null;
}
