// @ts-check
/** Small dialogs among strangers: the people where there is no room beside, moving on, leaving, new keys. */

import { html } from "../../vendor/preact.js";
import { useExchange } from "../context.js";
import { Dialog } from "../parts.js";
import { leaveStrangers } from "../screens.js";
import { texts as common } from "../texts.js";
import { useGroupTalk, useVisit } from "./context.js";
import { StrangerList } from "./list.js";
import { texts } from "./texts.js";

/** @param {{close: () => void}} props */
export function StrangersDialog({ close }) {
  return html`<${Dialog} title=${common.people.title} close=${close}><${StrangerList} /><//>`;
}

/** @param {{close: () => void}} props */
export function NextDialog({ close }) {
  const visit = useVisit();
  const move = () => {
    close();
    void visit.next();
  };
  const { title, text, stay, go } = texts.moving;
  return html`<${Question} title=${title} text=${text} stay=${stay} go=${go} does=${move} close=${close} />`;
}

/** @param {{close: () => void}} props */
export function LeaveDialog({ close }) {
  const visit = useVisit();
  const leave = () => {
    close();
    void leaveStrangers(visit);
  };
  const { title, text, stay, go } = texts.leaving;
  return html`<${Question} title=${title} text=${text} stay=${stay} go=${go} does=${leave} close=${close} />`;
}

/** @param {{personId: string, close: () => void}} props */
export function TrustDialog({ personId, close }) {
  const { group } = useGroupTalk();
  const { label } = useExchange().crowd.person(personId);
  const trust = () => {
    group.trust(personId);
    close();
  };
  const { title, text, stay, go } = texts.trusting;
  return html`<${Question} title=${title(label)} text=${text} stay=${stay} go=${go} does=${trust} close=${close} />`;
}

/** @param {{title: string, text: string, stay: string, go: string, does: () => void, close: () => void}} props */
function Question({ title, text, stay, go, does, close }) {
  return html`<${Dialog} title=${title} close=${close}>
    <p>${text}</p>
    <div class="dialog-ways">
      <button class="button" autofocus onClick=${close}>${stay}</button>
      <button class="button danger solid" onClick=${does}>${go}</button>
    </div>
  <//>`;
}
