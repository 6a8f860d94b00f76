// @ts-check
/** The conversation that a component stands in. */

import { createContext, useContext } from "../vendor/preact.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */

export const ConversationContext = createContext(/** @type {Conversation | null} */ (null));

export function useConversation() {
  return /** @type {Conversation} */ (useContext(ConversationContext));
}
