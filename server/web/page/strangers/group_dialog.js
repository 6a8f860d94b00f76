// @ts-check
/** What there is to know of a group: what protects it, and the number of all. */

import { html } from "../../vendor/preact.js";
import { oneLine } from "../clean.js";
import { openDialog } from "../opened.js";
import { Dialog } from "../parts.js";
import { Digits } from "../safety.js";
import { useGroupTalk } from "./context.js";
import { texts } from "./texts.js";

/** @param {{close: () => void}} props */
export function GroupDialog({ close }) {
  const { group, crowd } = useGroupTalk();
  const { about } = texts.aboutGroup;
  // The number is another one as soon as the people are others.
  const isAlone = crowd.people.value.filter(({ isPresent }) => isPresent).length < 2;
  const { number } = texts.aboutGroup;
  return html`<${Dialog} title=${oneLine(group.name) || texts.unnamed} close=${close} class="safety">
    ${about.map((text) => html`<p>${text}</p>`)}
    ${
      !isAlone &&
      html`<details>
        <summary>${number.title}</summary>
        <p>${number.lead}</p>
        <${Digits} groups=${group.groupNumber()} />
      </details>`
    }
    <button class="button danger wide" onClick=${() => openDialog({ kind: "leave" })}>
      ${texts.leave}
    </button>
  <//>`;
}
