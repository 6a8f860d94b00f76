// @ts-check
/** The people of a talk, as a list; what can be done about each opens below its name. */

import { html, useState } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { Avatar, Name } from "./parts.js";
import { texts } from "./texts.js";

/**
 * @typedef {import("./crowd.js").PersonView} PersonView
 *
 * How somebody is; what troubles is shown as a warning.
 * @typedef {{words: string, isTrouble: boolean}} Condition
 *
 * @typedef {object} PeopleProps
 * @property {(person: PersonView) => readonly Condition[]} conditions
 * @property {(props: {person: PersonView}) => any} Ways What can be done; not asked for of oneself.
 * @property {(person: PersonView) => boolean} hasWays
 */

/** @param {PeopleProps} props */
export function People(props) {
  const { crowd } = useExchange();
  return html`<ul class="people">
    ${crowd.people.value.map(
      (person) => html`<${PersonLine} key=${person.id} person=${person} ...${props} />`,
    )}
  </ul>`;
}

/** @param {{person: PersonView} & PeopleProps} props */
function PersonLine({ person, conditions, Ways, hasWays }) {
  const [isOpen, setOpen] = useState(false);
  const words = html`<${Avatar} person=${person} />
    <span class="person-words">
      <span class="person-name"
        ><${Name} person=${person} />${
          person.isYou && html` <span class="you">${texts.people.you}</span>`
        }</span
      >
      ${conditions(person).map(
        (one) =>
          html`<span class=${`person-state ${one.isTrouble ? "is-trouble" : ""}`}>${one.words}</span>`,
      )}
    </span>`;
  if (person.isYou || !hasWays(person))
    return html`<li class="person"><div class="person-line">${words}</div></li>`;
  return html`<li class="person">
    <button class="person-line" aria-expanded=${String(isOpen)} onClick=${() => setOpen(!isOpen)}>
      ${words}
    </button>
    ${isOpen && html`<div class="person-ways"><${Ways} person=${person} /></div>`}
  </li>`;
}

/**
 * One thing that can be done about somebody. For those who do not see, it says about whom.
 *
 * @param {{words: string, person: PersonView, does: () => void, class?: string}} props
 */
export function PersonWay({ words, person, does, class: kind = "" }) {
  return html`<button class=${`button small ${kind}`} onClick=${does}>
    ${words}<span class="unseen"> (${person.label})</span>
  </button>`;
}
