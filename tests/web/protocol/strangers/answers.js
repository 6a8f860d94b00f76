// What the JavaScript implementation answers to questions on groups of strangers; answers.py has the same.

import { readContent } from "../../../../server/web/client/entries.js";
import { MalformedError, toBase64url } from "../../../../server/web/protocol/bytes.js";
import { Identity } from "../../../../server/web/protocol/identity.js";
import {
  makeStrangerCard,
  readStrangerCard,
} from "../../../../server/web/protocol/strangers/cards.js";
import { KeyChain } from "../../../../server/web/protocol/strangers/chains.js";
import { checkEvidence } from "../../../../server/web/protocol/strangers/evidence.js";
import {
  makeKeys,
  makeWish,
  openKeys,
  readKeys,
  readWish,
} from "../../../../server/web/protocol/strangers/keys.js";
import {
  makeStrangerMessage,
  readStrangerMessage,
} from "../../../../server/web/protocol/strangers/messages.js";
import { membersHash, placeOf } from "../../../../server/web/protocol/strangers/place.js";
import { groupNumber, pairNumber } from "../../../../server/web/protocol/strangers/safety.js";

export const STRANGERS = {
  "strangers.place": ({ groupId }) => placeOf(groupId),
  "strangers.members": ({ groupId, members }) => membersHash(placeOf(groupId), members),
  "strangers.card.make": ({ identity, userId, login, madeMs }) =>
    makeStrangerCard(identityOf(identity), userId, login, madeMs),
  "strangers.card.read": (args) => {
    const { userId, login, signKey, boxKey, madeMs, memberId } = cardOf(args);
    return { userId, login, signKey, boxKey, madeMs, memberId };
  },
  "strangers.chain": ({ numbers, ...args }) => {
    const chain = chainOf(args);
    const keys = numbers.map((number) => {
      const key = chain.keyOf(number);
      chain.forget(number);
      return key;
    });
    return { chainId: chain.id, keys, ...chain.state };
  },
  "strangers.keys.make": ({ identity, previous, recipients, ephemeralSecret, ...args }) =>
    makeKeys(identityOf(identity), chainOf(args), { previous, recipients }, ephemeralSecret),
  "strangers.keys.read": (args) => {
    const { sender, epoch, members, first, chainId, previous, entries } = noteOf(args);
    const tag = { sender, epoch, members, first };
    return { tag, chainId, previous, recipients: entries.map((entry) => entry.slice(0, 24)) };
  },
  "strangers.keys.open": ({ identity, ...args }) =>
    openKeys(placeOf(args.groupId), identityOf(identity), noteOf(args))?.state,
  "strangers.wish.make": ({ groupId, chainId }) => makeWish(placeOf(groupId), chainId),
  "strangers.wish.read": ({ groupId, encrypted }) => readWish(placeOf(groupId), encrypted),
  "strangers.message.make": ({ identity, content, nonce, ...args }) => {
    const { bytes, hash } = makeStrangerMessage(
      identityOf(identity),
      chainOf(args),
      args,
      content,
      nonce,
    );
    return { encrypted: toBase64url(bytes), hash };
  },
  "strangers.message.read": (args) => {
    const { head, hash } = envelopeOf(args);
    const { kind, chainId, epoch, members, number, previous, sentMs, commitment } = head;
    return { kind, chainId, epoch, members, number, previous, sentMs, commitment, hash };
  },
  "strangers.message.open": (args) => {
    const envelope = envelopeOf(args);
    const said = envelope.open(chainOf(args).keyOf(envelope.head.number));
    const content = readContent(envelope.head.kind, said);
    if (content?.kind !== "text") throw new MalformedError("not known among strangers");
    return { text: content.text };
  },
  "strangers.evidence": ({ evidence, groupId, userId }) => checkEvidence(evidence, groupId, userId),
  "strangers.safety": ({ groupId, one, other }) => pairNumber(placeOf(groupId), one, other),
  "strangers.safety-of-all": ({ members }) => groupNumber(members),
};

function identityOf({ seed, boxSecret }) {
  return new Identity(seed, boxSecret);
}

function cardOf({ card, userId }) {
  return readStrangerCard(card, userId);
}

function chainOf({ groupId, tag, firstKey }) {
  return new KeyChain(placeOf(groupId), tag, firstKey);
}

function noteOf(args) {
  return readKeys(placeOf(args.groupId), cardOf(args), args.encrypted);
}

function envelopeOf(args) {
  return readStrangerMessage(placeOf(args.groupId), args.relayed, cardOf(args));
}
