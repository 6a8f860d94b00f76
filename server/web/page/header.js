// @ts-check
/** The head of a conversation: with whom, in what state, and the ways to everything else. */

import { html } from "../vendor/preact.js";
import { isolated } from "./clean.js";
import { useConversation, useExchange } from "./context.js";
import { formats } from "./formats.js";
import { Icon, Sign } from "./icons.js";
import { openDialog } from "./opened.js";
import { IconButton } from "./parts.js";
import { texts } from "./texts.js";

/**
 * @param {import("./frame.js").HeadProps} props
 */
export function Header({ showPeople, isAsideOpen, isOver }) {
  return html`<header class="head">
    <span class="head-sign"><${Sign} /></span>
    <div class="head-words">
      <${Title} />
      <${Standing} />
    </div>
    ${
      !isOver &&
      html`<nav class="head-ways" aria-label=${texts.header.ways}>
      <button
        class="button"
        aria-label=${texts.header.invite}
        onClick=${() => openDialog({ kind: "invite" })}
      >
        <${Icon} name="invite" /><span class="roomy">${texts.header.invite}</span>
      </button>
      <${PeopleButton} showPeople=${showPeople} isAsideOpen=${isAsideOpen} />
      <${IconButton}
        icon="session"
        label=${texts.header.session}
        onClick=${() => openDialog({ kind: "session" })}
      />
    </nav>`
    }
  </header>`;
}

function Title() {
  const { crowd } = useConversation();
  const others = crowd.people.value.filter(
    ({ isYou, isPresent, isRefused }) => !isYou && isPresent && !isRefused,
  );
  const names = others.map(({ name }) => isolated(name));
  return html`<h1 class="head-title">
    ${names.length ? texts.header.people(names) : texts.header.alone}
  </h1>`;
}

function Standing() {
  const { standing, isLocked } = useConversation();
  const { state } = standing.value;
  return html`<p class=${`standing is-${state}`}>
    <span class="standing-dot"></span>
    <span>${texts.states[state]}</span>
    ${
      isLocked.value &&
      html`<span class="tag" title=${texts.banner.locked}
        ><${Icon} name="lock" /><span class="tag-words">${texts.header.locked}</span></span
      >`
    }
  </p>`;
}

/** @param {{showPeople: () => void, isAsideOpen: boolean | null}} props */
export function PeopleButton({ showPeople, isAsideOpen }) {
  const { crowd } = useExchange();
  const here = crowd.people.value.filter(({ isPresent }) => isPresent);
  const hasTrouble = here.some(
    ({ isRefused, isSilent, hasBadCard, isChanged }) =>
      isRefused || isSilent || hasBadCard || isChanged,
  );
  return html`<button
    class=${`button people-button ${hasTrouble ? "has-trouble" : ""}`}
    aria-label=${texts.header.count(here.length)}
    title=${texts.header.count(here.length)}
    aria-expanded=${isAsideOpen === null ? undefined : String(isAsideOpen)}
    onClick=${showPeople}
  >
    <${Icon} name="people" /><span aria-hidden="true">${formats.number(here.length)}</span>
  </button>`;
}
