// @ts-check
/** How one gets into a conversation: by starting it, by a link, or by coming back to it. */

import { IndexedChunks } from "../client/chunk_store.js";
import { claimDevice } from "../client/device.js";
import { KEPT_PARTS } from "../client/keeping.js";
import { Member } from "../client/member.js";
import { Session } from "../client/session.js";
import { TabVault } from "../client/vault.js";
import { Identity } from "../protocol/identity.js";
import { Link } from "../protocol/link.js";
import { signal } from "../vendor/preact.js";
import { Conversation } from "./conversation.js";

/** Of the relay: where the page is, which a proxy may have put into a folder. */
const url = new URL(".", location.href).href;

/**
 * @typedef {{vault: TabVault, chunks: IndexedChunks} | null} Keeping Null where the browser keeps nothing.
 */

/**
 * @param {{name: string, sharesHistory: boolean}} wishes
 * @returns {Promise<Conversation>}
 */
export async function start({ name, sharesHistory }) {
  const identity = Identity.create();
  const link = Link.create(identity.memberId, { sharesHistory });
  return enter(link, identity, name, await openKeeping(link));
}

/**
 * Come in as somebody new.
 *
 * @param {Link} link
 * @param {string} name
 * @returns {Promise<Conversation>}
 */
export async function join(link, name) {
  return enter(link, Identity.create(), name, await openKeeping(link));
}

/**
 * Come back after a reload.
 *
 * @param {Link} link
 * @returns {Promise<Conversation | null>} Null if this tab was not in that session.
 */
export async function comeBack(link) {
  const keeping = await openKeeping(link);
  const kept = await keeping?.vault.kept();
  if (!keeping || !kept) return null;
  if (await claimDevice(Identity.import(kept.me.identity).id)) {
    return begin(Session.restore(kept, { url, ...keeping }), keeping);
  }
  // A copy of a tab that still lives. It has the same storage, and becomes a device of its own.
  for (const part of KEPT_PARTS) if (part !== "me") await keeping.vault.keep(part, null);
  return enter(link, Identity.create(), kept.me.name, keeping);
}

/**
 * @param {Link} link
 * @param {Identity} identity
 * @param {string} name
 * @param {Keeping} keeping
 */
async function enter(link, identity, name, keeping) {
  await claimDevice(identity.id);
  const member = new Member(link, identity, { url, name, ...keeping }, null);
  await member.keepMe();
  return begin(new Session(member), keeping);
}

/**
 * @param {Session} session
 * @param {Keeping} keeping
 */
function begin(session, keeping) {
  const forget = async () => keeping?.vault.forget();
  const isKept = keptBy(keeping);
  const conversation = new Conversation(session, { isKept, forget });
  // A reload must find the way back.
  history.replaceState(null, "", `#${session.link.fragment}`);
  session.connect();
  return conversation;
}

/** @param {Keeping} keeping */
function keptBy(keeping) {
  if (!keeping) return null;
  const { vault } = keeping;
  const isCurrent = signal(vault.isCurrent);
  vault.on("current", () => {
    isCurrent.value = vault.isCurrent;
  });
  return isCurrent;
}

/**
 * @param {Link} link
 * @returns {Promise<Keeping>}
 */
async function openKeeping(link) {
  try {
    return { vault: await TabVault.open(link), chunks: await IndexedChunks.open(link) };
  } catch {
    return null; // A private window of some browsers; a reload begins anew then.
  }
}
