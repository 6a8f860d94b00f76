// @ts-check
/** The people of the session, and what can be done about each. */

import { html, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { closeDialog, openDialog } from "./opened.js";
import { Avatar, Name } from "./parts.js";
import { texts } from "./texts.js";

/** @typedef {import("./crowd.js").PersonView} PersonView */

export function PeopleList() {
  const { crowd } = useConversation();
  return html`<ul class="people">
    ${crowd.people.value.map((person) => html`<${PersonLine} key=${person.id} person=${person} />`)}
  </ul>`;
}

/** @param {{person: PersonView}} props */
function PersonLine({ person }) {
  const [isOpen, setOpen] = useState(false);
  const state = stateOf(person);
  const words = html`<${Avatar} person=${person} />
    <span class="person-words">
      <span class="person-name"
        ><${Name} person=${person} />${
          person.isYou && html` <span class="you">${texts.people.you}</span>`
        }</span
      >
      <span class=${`person-state is-${state}`}>
        ${texts.people[state]}${person.isCreator && ` · ${texts.people.creator}`}
      </span>
      ${person.hasBadCard && html`<span class="person-state is-refused">${texts.people.badCard}</span>`}
    </span>`;
  if (person.isYou || person.isRefused)
    return html`<li class="person"><div class="person-line">${words}</div></li>`;
  return html`<li class="person">
    <button class="person-line" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>
      ${words}
    </button>
    ${isOpen && html`<${PersonWays} person=${person} />`}
  </li>`;
}

/**
 * @param {PersonView} person
 * @returns {"removed" | "refused" | "absent" | "silent" | "present"}
 */
function stateOf({ isRemoved, isRefused, isPresent, isSilent }) {
  if (isRemoved) return "removed";
  if (isRefused) return "refused";
  if (!isPresent) return "absent";
  return isSilent ? "silent" : "present";
}

/** @param {{person: PersonView}} props */
function PersonWays({ person }) {
  const conversation = useConversation();
  const { id, label, isPresent, isRemoved } = person;
  const { people } = texts;
  const isThere = isPresent && !isRemoved && conversation.standing.value.state !== "ended";
  const write = () => {
    closeDialog();
    conversation.audience.value = id;
    // After the dialog has given the focus back to where it was.
    setTimeout(() => document.querySelector("textarea")?.focus());
  };
  return html`<div class="person-ways">
    <button
      class="button small"
      onClick=${() => openDialog({ kind: "safety", personId: id })}
    >
      ${people.verify}<span class="unseen"> (${label})</span>
    </button>
    ${
      isThere &&
      html`<button class="button small" onClick=${write}>
        ${people.write}<span class="unseen"> (${label})</span>
      </button>`
    }
    ${
      conversation.session.isCreator &&
      isThere &&
      html`<button
        class="button small danger"
        onClick=${() => openDialog({ kind: "remove", personId: id })}
      >
        ${people.remove}<span class="unseen"> (${label})</span>
      </button>`
    }
  </div>`;
}
