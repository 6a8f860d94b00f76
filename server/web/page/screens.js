// @ts-check
/** Which screen is shown, and the ways between them. */

import { Link, LinkError } from "../protocol/link.js";
import { signal } from "../vendor/preact.js";
import { closeDialog } from "./opened.js";
import { readPasted } from "./pasted.js";
import { wasVisiting } from "./pseudonym.js";
import { texts } from "./texts.js";

/** Whatever is as long as this was once a link, and has lost something. */
const LIKE_A_LINK = /^[\w-]{20,}$/u;

/**
 * @typedef {import("./conversation.js").Conversation} Conversation
 * @typedef {import("./strangers/visit.js").Visit} Visit
 * @typedef {{at: "loading", words: string} | {at: "start", note: "reloaded" | "left" | null} | {at: "invited", link: Link} | {at: "elsewhere", address: URL} | {at: "talk", conversation: Conversation} | {at: "strangers", visit: Visit} | {at: "ended", code: string}} Screen
 */

export const screen = signal(/** @type {Screen} */ ({ at: "loading", words: texts.loading }));

/** Show what the address asks for. */
export async function openAddress() {
  const fragment = location.hash.slice(1);
  const note = wasVisiting() ? "reloaded" : null;
  if (!fragment) return show({ at: "start", note });
  try {
    const link = Link.parse(fragment);
    await enter(async ({ comeBack }) => {
      const conversation = await comeBack(link);
      return conversation ? { at: "talk", conversation } : { at: "invited", link };
    });
  } catch (error) {
    show({ at: "ended", code: problemWith(fragment, error) });
  }
}

/** @param {{name: string, sharesHistory: boolean}} wishes */
export async function startSession(wishes) {
  await enter(async ({ start }) => ({ at: "talk", conversation: await start(wishes) }));
}

/**
 * @param {Link} link
 * @param {string} name
 */
export async function joinSession(link, name) {
  await enter(async ({ join }) => ({ at: "talk", conversation: await join(link, name) }));
}

/**
 * Come into a group of strangers.
 *
 * @param {string} pseudonym
 * @returns {Promise<string | null>} Why that is not possible, as a code.
 */
export async function meetStrangers(pseudonym) {
  void import("./strangers/stay.js").catch(() => {}); // What is shown next; its lack is told then.
  const ways = await import("./strangers/visit.js").catch(() => null);
  if (!ways) {
    show({ at: "ended", code: "outdated" });
    return null;
  }
  try {
    show({ at: "strangers", visit: await ways.Visit.begin(pseudonym) });
    return null;
  } catch (error) {
    return ways.codeOf(error);
  }
}

/** @param {Visit} visit */
export async function leaveStrangers(visit) {
  show({ at: "loading", words: texts.leaving });
  await visit.leave();
  show({ at: "start", note: "left" });
}

/** Have all come that speaks with the relay; the first screen does without. */
export function prepare() {
  return import("./opening.js");
}

/** @param {(ways: typeof import("./opening.js")) => Promise<Screen>} way */
async function enter(way) {
  // It fails if the server has another version by now.
  const ways = await prepare().catch(() => null);
  show(ways ? await way(ways) : { at: "ended", code: "outdated" });
}

/**
 * Open what somebody has pasted. What is in another server's link is not told to this one.
 *
 * @param {string} text
 */
export function openLink(text) {
  const { fragment, elsewhere } = readPasted(text, location.href);
  const problem = problemIn(fragment);
  if (problem && problem !== "newer") return show({ at: "ended", code: problem });
  if (elsewhere) return show({ at: "elsewhere", address: elsewhere });
  history.replaceState(null, "", `#${fragment}`);
  return void openAddress();
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
  show({ at: "start", note: null });
}

/** @param {Conversation} conversation One that has ended. */
export async function forgetSession(conversation) {
  await conversation.forget();
  goToStart();
}

/** @param {Screen} next */
function show(next) {
  closeDialog(); // It was about what is shown no more.
  screen.value = next;
}

function forgetAddress() {
  history.replaceState(null, "", location.pathname);
}

/**
 * @param {string} fragment
 * @returns {string | null} A code of an end, if it is no link that this page can open.
 */
function problemIn(fragment) {
  try {
    Link.parse(fragment);
    return null;
  } catch (error) {
    return problemWith(fragment, error);
  }
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
