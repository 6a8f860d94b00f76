// @ts-check
/** A message that can be read. */

import { html, useState } from "../vendor/preact.js";
import { linkParts } from "./clean.js";
import { useExchange } from "./context.js";
import { FileCard } from "./file_card.js";
import { formats } from "./formats.js";
import { Icon } from "./icons.js";
import { Avatar, Name } from "./parts.js";
import { texts } from "./texts.js";

const LONG_CHARS = 1_200;
const LONG_LINES = 18;
const ONLY_EMOJI =
  /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\u200d|\ufe0f|[\u{1f1e6}-\u{1f1ff}]{2}){1,9}$/u;

/** @typedef {import("../client/entries.js").MessageEntry} MessageEntry */

/** @param {{entry: MessageEntry, isFirst: boolean}} props */
export function Message({ entry, isFirst }) {
  const { crowd } = useExchange();
  const sender = crowd.person(entry.senderId);
  const kinds = [
    sender.isYou ? "own" : "other",
    isFirst ? "first" : "",
    entry.audience ? "private" : "",
    entry.status === "failed" ? "failed" : "",
  ];
  const { content } = entry;
  return html`<article class=${`message ${kinds.join(" ")}`}>
    ${!sender.isYou && isFirst && html`<${Avatar} person=${sender} />`}
    <div class="message-body">
      <header class=${isFirst && !sender.isYou ? "message-head" : "unseen"}>
        ${sender.isYou ? texts.message.you : html`<${Name} person=${sender} />`}
      </header>
      <div class="bubble">
        ${entry.audience && html`<${PrivateMark} entry=${entry} isOwn=${sender.isYou} />`}
        ${content?.kind === "text" && html`<${Said} text=${content.text} />`}
        ${content?.kind === "file" && html`<${FileCard} note=${content.file} isOwn=${sender.isYou} />`}
        <${Meta} entry=${entry} />
      </div>
      ${entry.status === "failed" && html`<${Failure} entry=${entry} />`}
    </div>
  </article>`;
}

/** @param {{entry: MessageEntry, isOwn: boolean}} props */
function PrivateMark({ entry, isOwn }) {
  const { crowd } = useExchange();
  const words = isOwn
    ? texts.message.to(crowd.person(entry.audience ?? "").label)
    : texts.message.toYou;
  return html`<p class="private-mark"><${Icon} name="private" />${words}</p>`;
}

/** @param {{text: string}} props */
function Said({ text }) {
  const [isWhole, setWhole] = useState(false);
  const isLong = text.length > LONG_CHARS || text.split("\n").length > LONG_LINES;
  const isCut = isLong && !isWhole;
  const kind = ONLY_EMOJI.test(text) ? "emoji" : "";
  return html`<div class=${`said ${kind} ${isCut ? "is-cut" : ""}`} dir="auto">
      ${linkParts(text).map((part) =>
        typeof part === "string"
          ? part
          : html`<a href=${part.href} target="_blank" rel="noopener noreferrer">${part.shown}</a>`,
      )}
    </div>
    ${
      isLong &&
      html`<button class="quiet-link" aria-expanded=${String(isWhole)} onClick=${() => setWhole(!isWhole)}>
        ${isWhole ? texts.message.less : texts.message.more}
      </button>`
    }`;
}

/** @param {{entry: MessageEntry}} props */
function Meta({ entry }) {
  const { message } = texts;
  return html`<footer class="meta">
    ${entry.isLate && html`<span class="late">${message.late}</span>`}
    <time title=${formats.moment(entry.sentMs)}>${formats.time(entry.sentMs)}</time>
    ${entry.status === "sending" && html`<${Mark} icon="clock" words=${message.sending} />`}
    ${entry.status === "sent" && html`<${Mark} icon="check" words=${message.sent} />`}
  </footer>`;
}

/** @param {{icon: import("./icons.js").IconName, words: string}} props */
function Mark({ icon, words }) {
  return html`<span class=${`mark mark-${icon}`} title=${words}
    ><${Icon} name=${icon} /><span class="unseen">${words}</span></span
  >`;
}

/** @param {{entry: MessageEntry}} props */
function Failure({ entry }) {
  const { line, standing } = useExchange();
  const isOver = standing.value.state === "ended";
  const why = texts.failures[entry.reason ?? ""];
  return html`<p class="failure" role="alert">
    <${Icon} name="alert" /><span>${texts.message.failed}${why && `. ${why}`}</span>
    ${
      !isOver &&
      html`<button class="quiet-link" onClick=${() => line.retry(entry)}>
        ${texts.message.retry}
      </button>`
    }
  </p>`;
}
