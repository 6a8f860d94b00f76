// @ts-check
/** One entry of the conversation, with what stands above it: a day, or where the new ones begin. */

import { html } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { isQuiet } from "./exchange.js";
import { formats } from "./formats.js";
import { Message } from "./message.js";
import { Notice, RefusedMessage, Warning } from "./notice.js";
import { texts } from "./texts.js";

const GROUP_MS = 5 * 60_000;

/** @typedef {import("../client/entries.js").Entry} Entry */

/** @param {{entry: Entry, before?: Entry, isFresh: boolean}} props */
export function Row({ entry, before, isFresh }) {
  const key = formats.dayKey(momentOf(entry));
  const isNewDay = !before || formats.dayKey(momentOf(before)) !== key;
  const content = html`<${Content}
    entry=${entry}
    before=${before}
    isFirst=${isNewDay || isFresh || !isGroup(before, entry)}
  />`;
  return html`${
    isNewDay && html`<h3 class="day"><span>${formats.day(momentOf(entry), Date.now())}</span></h3>`
  }${
    isFresh && html`<p class="fresh" id="fresh"><span>${texts.conversation.fresh}</span></p>`
  }${content}`;
}

/** @param {{entry: Entry, before?: Entry, isFirst: boolean}} props */
function Content({ entry, before, isFirst }) {
  const { crowd } = useExchange();
  if (entry.type === "notice") {
    return isQuiet(entry.code)
      ? html`<${MemberNotice} entry=${entry} />`
      : html`<${Warning} entry=${entry} />`;
  }
  if (entry.status === "refused") return html`<${RefusedMessage} entry=${entry} />`;
  if (crowd.person(entry.senderId).isBlocked) {
    const isRun = before?.type === "message" && before.senderId === entry.senderId;
    return isRun ? null : html`<${HiddenNotice} personId=${entry.senderId} />`;
  }
  if (!entry.content) return html`<${Unread} entry=${entry} before=${before} />`;
  if (entry.content.kind === "remove") {
    return html`<${Removal} by=${entry.senderId} who=${entry.content.member} />`;
  }
  return html`<${Message} entry=${entry} isFirst=${isFirst} />`;
}

/** @param {{entry: import("../client/entries.js").MessageEntry, before?: Entry}} props */
function Unread({ entry, before }) {
  if (isSealed(entry)) {
    const isRun = before?.type === "message" && isSealed(before) && before.status === entry.status;
    return isRun ? null : html`<${SealedNotice} isWaiting=${entry.status === "waiting"} />`;
  }
  return html`<${Notice} text=${texts.unreadable[entry.reason ?? ""] ?? texts.unreadable.newer} />`;
}

/** @param {{isWaiting: boolean}} props */
function SealedNotice({ isWaiting }) {
  const { state, reason } = useExchange().standing.value;
  if (!isWaiting) return html`<${Notice} text=${texts.message.sealed} />`;
  if (state !== "ended") return html`<${Notice} text=${texts.message.waiting} />`;
  // What was said after one's removal is not one's business; any other will not be read any more.
  return reason === "removed" ? null : html`<${Notice} text=${texts.message.unopened} />`;
}

/** @param {{personId: string}} props */
function HiddenNotice({ personId }) {
  const { crowd } = useExchange();
  return html`<${Notice} text=${texts.message.hidden(crowd.person(personId).label)} />`;
}

/** @param {{entry: import("../client/entries.js").NoticeEntry & {areKeysNew?: boolean}}} props */
function MemberNotice({ entry }) {
  const { crowd } = useExchange();
  const person = crowd.person(entry.memberId ?? "");
  // Of this the creator's own, signed word is shown.
  if (entry.code === "removed" && person.isRemoved) return null;
  const words = texts.notices[entry.code](person.label, entry.count);
  return html`<${Notice} text=${entry.areKeysNew ? texts.keysRenewed(words) : words} />`;
}

/** @param {{by: string, who: string}} props */
function Removal({ by, who }) {
  const { crowd } = useExchange();
  const sender = crowd.person(by);
  const name = sender.isYou ? texts.message.you : sender.label;
  return html`<${Notice} text=${texts.message.removed(name, crowd.person(who).label)} />`;
}

/** @param {Entry} entry */
function momentOf(entry) {
  return entry.type === "message" ? entry.sentMs : entry.atMs;
}

/** @param {Entry} entry */
function isSealed(entry) {
  if (entry.type !== "message") return false;
  return entry.status === "waiting" || (entry.status === "unreadable" && entry.reason === "no-key");
}

/**
 * @param {Entry | undefined} before
 * @param {Entry} entry
 */
function isGroup(before, entry) {
  return (
    before?.type === "message" &&
    entry.type === "message" &&
    ["sending", "sent", "failed", "received"].includes(before.status) &&
    before.content?.kind !== "remove" &&
    before.senderId === entry.senderId &&
    before.audience === entry.audience &&
    Math.abs(entry.sentMs - before.sentMs) < GROUP_MS
  );
}
