/** What somebody can open with all its keys, apart from any client. */

import { openKeys, readKeys } from "../../../server/web/protocol/strangers/keys.js";
import { readStrangerMessage } from "../../../server/web/protocol/strangers/messages.js";
import { placeOf } from "../../../server/web/protocol/strangers/place.js";

/**
 * Try all keys that came on all messages.
 *
 * @param {import("../../../server/web/hushwire.js").Identity} identity
 * @param {string} groupId
 * @param {import("../../../server/web/protocol/strangers/cards.js").StrangerCard} sender
 * @param {any[]} messages Of that sender, as a relay keeps them; keys too.
 * @returns {any[]} Texts that it can read.
 */
export function textsOpenedBy(identity, groupId, sender, messages) {
  const place = placeOf(groupId);
  const chains = messages
    .filter(({ messageType }) => messageType === "key_exchange")
    .flatMap(({ encryptedContent }) => {
      const keys = tried(() => readKeys(place, sender, encryptedContent));
      return (keys && tried(() => openKeys(place, identity, keys))) ?? [];
    });
  return messages
    .filter(({ messageType }) => messageType === "text")
    .flatMap(({ id, encryptedContent }) => {
      const message = readStrangerMessage(place, { id, encrypted: encryptedContent }, sender);
      return chains.flatMap(
        (chain) => tried(() => message.open(chain.keyOf(message.head.number)))?.text ?? [],
      );
    });
}

/**
 * @template Result
 * @param {() => Result} attempt
 */
function tried(attempt) {
  try {
    return attempt();
  } catch {
    return null;
  }
}
