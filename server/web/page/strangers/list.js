// @ts-check
/** The people of a group of strangers, and what can be done about each. */

import { html } from "../../vendor/preact.js";
import { openDialog } from "../opened.js";
import { People, PersonWay } from "../people.js";
import { texts as common } from "../texts.js";
import { useGroupTalk, useVisit } from "./context.js";
import { texts } from "./texts.js";

/** @typedef {import("../crowd.js").PersonView} PersonView */

export function StrangerList() {
  return html`<${People} conditions=${conditionsOf} Ways=${StrangerWays} hasWays=${() => true} />`;
}

/**
 * @param {PersonView} person
 * @returns {import("../people.js").Condition[]}
 */
function conditionsOf({ isPresent, isRefused, isUnheard, isChanged, isBehind, isBlocked, isYou }) {
  const { states } = texts;
  const isStrange = isRefused || (isUnheard && isPresent);
  const place = { words: isPresent ? states.here : states.gone, isTrouble: false };
  const all = [
    { words: isRefused ? states.refused : states.unheard, isTrouble: isRefused, is: isStrange },
    { words: states.changed, isTrouble: true, is: isChanged },
    { words: states.behind, isTrouble: true, is: isBehind },
    { words: states.blocked, isTrouble: false, is: isBlocked },
  ];
  return [place, ...(isYou ? [] : all.filter(({ is }) => is))];
}

/** @param {{person: PersonView}} props */
function StrangerWays({ person }) {
  const visit = useVisit();
  const { group, standing } = useGroupTalk();
  const { id, isBlocked, isChanged, isRefused, isPresent } = person;
  const isOpen = standing.value.state === "connected";
  const turn = () => void visit.attempt(() => (isBlocked ? group.unblock(id) : group.block(id)));
  const { ways } = texts;
  return html`${
    isChanged &&
    html`<${PersonWay} words=${ways.trust} person=${person} does=${() => openDialog({ kind: "trust", personId: id })} />`
  }
    ${
      !isRefused &&
      html`<${PersonWay} words=${common.people.verify} person=${person} does=${() => openDialog({ kind: "safety", personId: id })} />`
    }
    ${
      isOpen &&
      html`<${PersonWay} words=${isBlocked ? ways.unblock : ways.block} person=${person} does=${turn} />`
    }
    ${
      isOpen &&
      isPresent &&
      html`<${PersonWay} words=${ways.report} person=${person} does=${() => openDialog({ kind: "report", personId: id })} class="danger" />`
    }`;
}
