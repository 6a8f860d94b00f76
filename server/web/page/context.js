// @ts-check
/** The talk that a component stands in. */

import { createContext, useContext } from "../vendor/preact.js";

/**
 * @typedef {import("./exchange.js").Exchange} Exchange
 * @typedef {import("./conversation.js").Conversation} Conversation
 */

export const ConversationContext = createContext(/** @type {Exchange | null} */ (null));

/** Of whatever kind. */
export function useExchange() {
  return /** @type {Exchange} */ (useContext(ConversationContext));
}

/** For what there is in sessions only. */
export function useConversation() {
  return /** @type {Conversation} */ (useContext(ConversationContext));
}
