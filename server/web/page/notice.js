// @ts-check
/** What is no message: everyday things in a quiet voice, and warnings that cannot be overlooked. */

import { html } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { formats } from "./formats.js";
import { Icon } from "./icons.js";
import { texts } from "./texts.js";

/** What goes on and on is told of once, with a count. */
const REPEATING = new Set(["repeated", "forked", "forged", "card-refused"]);

/** @param {{text: string}} props */
export function Notice({ text }) {
  return html`<p class="notice">${text}</p>`;
}

/** @param {{entry: import("../client/entries.js").NoticeEntry}} props */
export function Warning({ entry }) {
  const { crowd } = useExchange();
  const name = entry.memberId ? crowd.person(entry.memberId).label : texts.people.several;
  const words = texts.notices[entry.code](name, entry.count);
  return html`<${WarningBox}
    title=${words}
    times=${REPEATING.has(entry.code) ? entry.count : 1}
    meaning=${texts.meanings[entry.code]}
    atMs=${entry.atMs}
  />`;
}

/** @param {{entry: import("../client/entries.js").MessageEntry}} props */
export function RefusedMessage({ entry }) {
  const { crowd } = useExchange();
  return html`<${WarningBox}
    title=${texts.refused(crowd.person(entry.senderId).label)}
    times=${1}
    meaning=${texts.meanings[entry.reason ?? "forged"] ?? texts.meanings.forged}
    atMs=${entry.sentMs}
  />`;
}

/** @param {{title: string, times: number, meaning: string, atMs: number}} props */
function WarningBox({ title, times, meaning, atMs }) {
  return html`<section class="warning">
    <${Icon} name="alert" />
    <div>
      <p class="warning-title">
        <span class="unseen">${texts.warning}: </span>${title}
        ${times > 1 && html` <span class="tag">${texts.times(times)}</span>`}
      </p>
      <details>
        <summary>${texts.what}</summary>
        <p>${meaning}</p>
      </details>
    </div>
    <time title=${formats.moment(atMs)}>${formats.time(atMs)}</time>
  </section>`;
}
