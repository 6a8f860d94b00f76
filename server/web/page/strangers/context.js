// @ts-check
/** The visit that a component stands in. */

import { createContext, useContext } from "../../vendor/preact.js";
import { useExchange } from "../context.js";

/** @typedef {import("./visit.js").Visit} Visit */

export const VisitContext = createContext(/** @type {Visit | null} */ (null));

export function useVisit() {
  return /** @type {Visit} */ (useContext(VisitContext));
}

export function useGroupTalk() {
  return /** @type {import("./group_talk.js").GroupTalk} */ (useExchange());
}
