// @ts-check
/** Dialogs about people: the list where there is no room beside the conversation, and removing one. */

import { html, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { MemberList } from "./member_list.js";
import { Dialog } from "./parts.js";
import { texts } from "./texts.js";

/** @param {{close: () => void}} props */
export function PeopleDialog({ close }) {
  return html`<${Dialog} title=${texts.people.title} close=${close}><${MemberList} /><//>`;
}

/** @param {{personId: string, close: () => void}} props */
export function RemoveDialog({ personId, close }) {
  const { session, crowd, standing } = useConversation();
  const [problem, setProblem] = useState("");
  const isConnected = standing.value.state === "connected";
  const { people } = texts;
  const { label } = crowd.person(personId);
  const remove = async () => {
    try {
      await session.remove(personId);
      close();
    } catch {
      setProblem(people.failed);
    }
  };
  return html`<${Dialog} title=${people.removeTitle(label)} close=${close}>
    <p>${people.removeText}</p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="dialog-ways">
      <button class="button" autofocus onClick=${close}>${texts.cancel}</button>
      <button class="button danger solid" disabled=${!isConnected} onClick=${remove}>
        ${people.remove}
      </button>
    </div>
  <//>`;
}
