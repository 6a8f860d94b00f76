// @ts-check
/** The head of a group: its name and places, and the ways on and out. */

import { html } from "../../vendor/preact.js";
import { oneLine } from "../clean.js";
import { PeopleButton } from "../header.js";
import { Icon, Sign } from "../icons.js";
import { openDialog } from "../opened.js";
import { IconButton } from "../parts.js";
import { texts as common } from "../texts.js";
import { useGroupTalk, useVisit } from "./context.js";
import { texts } from "./texts.js";

/** Where somebody has just spoken, moving on is asked about. */
const JUST_SAID_MS = 60_000;

/** @param {import("../frame.js").HeadProps} props */
export function GroupHeader({ showPeople, isAsideOpen, isOver }) {
  const { group } = useGroupTalk();
  return html`<header class="head">
    <span class="head-sign spare"><${Sign} /></span>
    <div class="head-words">
      <h1 class="head-title"><bdi>${oneLine(group.name) || texts.unnamed}</bdi></h1>
      <${Standing} />
    </div>
    ${
      !isOver &&
      html`<nav class="head-ways" aria-label=${texts.group}>
        <${NextButton} />
        <${PeopleButton} showPeople=${showPeople} isAsideOpen=${isAsideOpen} />
        <${IconButton}
          icon="session"
          label=${texts.about}
          onClick=${() => openDialog({ kind: "group" })}
        />
        <${IconButton}
          icon="leave"
          class="roomy"
          label=${texts.leave}
          onClick=${() => openDialog({ kind: "leave" })}
        />
      </nav>`
    }
  </header>`;
}

function Standing() {
  const { group, standing, crowd } = useGroupTalk();
  const { state } = standing.value;
  const here = crowd.people.value.filter(({ isPresent }) => isPresent).length;
  return html`<p class=${`standing is-${state}`}>
    <span class="standing-dot"></span>
    <span>${common.states[state]}</span>
    ${
      state !== "ended" &&
      html`<span class="places"
        >${texts.places(here, group.maxMembers)}<span class="roomy"> ${texts.placesWord}</span></span
      >`
    }
  </p>`;
}

function NextButton() {
  const visit = useVisit();
  const talk = useGroupTalk();
  const isMoving = visit.isMoving.value;
  const move = () => {
    if (Date.now() - talk.saidMs < JUST_SAID_MS) openDialog({ kind: "next" });
    else void visit.next();
  };
  return html`<button
    class="button"
    title=${texts.nextHint}
    aria-label=${texts.next}
    disabled=${isMoving || talk.standing.value.state !== "connected"}
    onClick=${move}
  >
    <${Icon} name="next" /><span class="roomy">${texts.next}</span>
  </button>`;
}
