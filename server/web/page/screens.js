// @ts-check
/** Which screen is shown, and the ways between them. */

import { Link, LinkError } from "../protocol/link.js";
import { signal } from "../vendor/preact.js";
import { texts } from "./texts.js";

/** Whatever is as long as this was once a link, and has lost something. */
const LIKE_A_LINK = /^[\w-]{20,}$/u;

/**
 * @typedef {import("./conversation.js").Conversation} Conversation
 * @typedef {{at: "loading", words: string} | {at: "start"} | {at: "invited", link: Link} | {at: "talk", conversation: Conversation} | {at: "ended", code: string} | {at: "outdated"}} Screen
 */

export const screen = signal(/** @type {Screen} */ ({ at: "loading", words: texts.loading }));

/**
 * What is needed for a conversation, and not to be asked whether one is wanted.
 *
 * @returns {Promise<typeof import("./opening.js") | null>} Null if the server has become newer than this page.
 */
export async function loadOpening() {
  try {
    return await import("./opening.js");
  } catch {
    show({ at: "outdated" });
    return null;
  }
}

/** Show what the address asks for. */
export async function openAddress() {
  const fragment = location.hash.slice(1);
  if (!fragment) return show({ at: "start" });
  try {
    const link = Link.parse(fragment);
    const opening = await loadOpening();
    if (!opening) return;
    const conversation = await opening.comeBack(link);
    show(conversation ? { at: "talk", conversation } : { at: "invited", link });
  } catch (error) {
    show({ at: "ended", code: problemWith(fragment, error) });
  }
}

/** @param {{name: string, sharesHistory: boolean}} wishes */
export async function startSession(wishes) {
  const opening = await loadOpening();
  if (opening) show({ at: "talk", conversation: await opening.start(wishes) });
}

/**
 * @param {Link} link
 * @param {string} name
 */
export async function joinSession(link, name) {
  const opening = await loadOpening();
  if (opening) show({ at: "talk", conversation: await opening.join(link, name) });
}

/** @param {string} text What somebody has pasted. */
export function openLink(text) {
  const at = text.indexOf("#");
  history.replaceState(null, "", `#${text.slice(at + 1).trim()}`);
  void openAddress();
}

/** @param {Conversation} conversation */
export async function leaveSession(conversation) {
  show({ at: "loading", words: texts.leaving });
  await conversation.leave();
  forgetAddress();
  show({ at: "ended", code: "left" });
}

/** Go to the start, without what the address holds. */
export function goToStart() {
  forgetAddress();
  show({ at: "start" });
}

/** @param {Conversation} conversation One that has ended. */
export async function forgetSession(conversation) {
  await conversation.forget();
  goToStart();
}

/** @param {Screen} next */
function show(next) {
  screen.value = next;
}

function forgetAddress() {
  history.replaceState(null, "", location.pathname);
}

/**
 * What is wrong with a link, as a code of an end.
 *
 * @param {string} fragment
 * @param {unknown} error
 */
function problemWith(fragment, error) {
  if (!(error instanceof LinkError)) return "other";
  return error.reason === "none" && LIKE_A_LINK.test(fragment) ? "incomplete" : error.reason;
}
