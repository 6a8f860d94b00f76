// @ts-check
/** What is said below a group that has ended, and what can be done then. */

import { html } from "../../vendor/preact.js";
import { leaveStrangers } from "../screens.js";
import { useGroupTalk, useVisit } from "./context.js";
import { texts } from "./texts.js";

export function EndPanel() {
  const visit = useVisit();
  const code = useGroupTalk().standing.value.reason ?? "other";
  const isKnown = Object.hasOwn(texts.ends, code);
  const { title, text } = texts.ends[isKnown ? code : "other"];
  const isMoving = visit.isMoving.value;
  return html`<section class="end-panel" role="alert">
    <div>
      <h2>${title}</h2>
      <p class="lead">${text}</p>
      ${!isKnown && html`<p class="hint">${texts.says(code)}</p>`}
    </div>
    <div class="ways">
      <button class="button" onClick=${() => leaveStrangers(visit)}>${texts.toStart}</button>
      <button class="button primary" disabled=${isMoving} onClick=${() => visit.again()}>
        ${isMoving ? texts.looking : texts.others}
      </button>
    </div>
  </section>`;
}
