// @ts-check
/** The members of a session, and what can be done about each. */

import { html } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { closeDialog, openDialog } from "./opened.js";
import { People, PersonWay } from "./people.js";
import { texts } from "./texts.js";

/** @typedef {import("./crowd.js").PersonView} PersonView */

export function MemberList() {
  return html`<${People} conditions=${conditionsOf} Ways=${MemberWays} hasWays=${isBelieved} />`;
}

/** @param {PersonView} person */
function isBelieved({ isRefused }) {
  return !isRefused;
}

/**
 * @param {PersonView} person
 * @returns {import("./people.js").Condition[]}
 */
function conditionsOf(person) {
  const { people } = texts;
  const state = stateOf(person);
  const isTrouble = state === "silent" || state === "refused";
  const words = person.isCreator ? `${people[state]} · ${people.creator}` : people[state];
  const badCard = person.hasBadCard ? [{ words: people.badCard, isTrouble: true }] : [];
  return [{ words, isTrouble }, ...badCard];
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
function MemberWays({ person }) {
  const conversation = useConversation();
  const { id, isPresent, isRemoved } = person;
  const { people } = texts;
  const isThere = isPresent && !isRemoved && conversation.standing.value.state !== "ended";
  const verify = () => openDialog({ kind: "safety", personId: id });
  const remove = () => openDialog({ kind: "remove", personId: id });
  const write = () => {
    closeDialog();
    conversation.audience.value = id;
    // After the dialog has given the focus back to where it was.
    setTimeout(() => document.querySelector("textarea")?.focus());
  };
  return html`<${PersonWay} words=${people.verify} person=${person} does=${verify} />
    ${isThere && html`<${PersonWay} words=${people.write} person=${person} does=${write} />`}
    ${
      isThere &&
      conversation.session.isCreator &&
      html`<${PersonWay} words=${people.remove} person=${person} does=${remove} class="danger" />`
    }`;
}
