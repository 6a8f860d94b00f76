// What the JavaScript implementation answers to questions on channels; answers.py has the same.
//
// The browser client has no channels: this is section 24, on what it has of sections 4, 5 and 11.

import { compare, pack, toBase64url, utf8 } from "../../../../server/web/protocol/bytes.js";
import { makeEnvelope, readEnvelope } from "../../../../server/web/protocol/envelope.js";
import {
  Epoch,
  recipientsHash,
  unwrapKey,
  wrapKeys,
} from "../../../../server/web/protocol/epoch.js";
import { Identity } from "../../../../server/web/protocol/identity.js";
import * as primitives from "../../../../server/web/protocol/primitives.js";
import { digitsOf } from "../../../../server/web/protocol/safety.js";

const { dh, ForgedError, hash, isPrimePoint, label, NO_BYTES, sha512 } = primitives;

export const CHANNELS = {
  "channels.place": ({ conversationId }) => placeOf(conversationId).sessionId,
  "channels.device": (device) => {
    if (!isPrimePoint(device.identityKey)) throw new ForgedError("no key");
    dh(new Uint8Array(32), device.boxKey);
    return memberIdOf(device);
  },
  "channels.keys.make": ({ conversationId, sender, recipients, key, ephemeralSecret }) => {
    const place = placeOf(conversationId);
    const readers = recipients.map((one) => ({ ...one, memberId: memberIdOf(one) }));
    const among = recipientsHash(readers.map(({ memberId }) => memberId));
    const epoch = new Epoch(place.sessionId, memberIdOf(sender), NO_BYTES, among, key);
    const keys = wrapKeys(place, epoch, readers, ephemeralSecret);
    return { epochId: epoch.epochId, recipients: among, keys };
  },
  "channels.keys.open": ({ conversationId, device, sender, ...head }) => {
    const said = { ...head, sender: memberIdOf(sender), audience: NO_BYTES };
    const mine = unwrapKey(placeOf(conversationId), identityOf(device), said);
    return mine && { key: mine.epoch.key, from: mine.from };
  },
  "channels.message.make": ({
    conversationId,
    device,
    recipients,
    key,
    content,
    nonce,
    ...said
  }) => {
    const place = placeOf(conversationId);
    const me = identityOf(device);
    const epoch = new Epoch(place.sessionId, me.memberId, NO_BYTES, recipients, key);
    const { bytes, hash: made } = makeEnvelope(place, me, epoch, said, content, nonce);
    return { content: toBase64url(bytes), hash: made };
  },
  "channels.message.read": (args) => {
    const { head, hash: made } = authentic(args);
    const { kind, epochId, recipients, number, previous, sentMs, keys } = head;
    return { kind, epochId, recipients, number, previous, sentMs, keys, hash: made };
  },
  "channels.message.open": (args) => {
    const { sessionId } = placeOf(args.conversationId);
    const envelope = authentic(args);
    const { sender, recipients } = envelope.head;
    return envelope.open(new Epoch(sessionId, sender, NO_BYTES, recipients, args.key));
  },
  "channels.safety": ({ one, other }) =>
    digitsOf(sha512(pack(label("channel/safety"), ...[one, other].toSorted(compare)))),
};

function placeOf(conversationId) {
  return { sessionId: hash(utf8(conversationId)).slice(0, 16), linkKey: new Uint8Array(32) };
}

function memberIdOf({ identityKey, userId, deviceId }) {
  return hash(pack(label("channel/member"), identityKey, userId, deviceId)).slice(0, 24);
}

function identityOf({ seed, boxSecret, userId, deviceId }) {
  const identity = new Identity(seed, boxSecret);
  return {
    memberId: memberIdOf({ identityKey: identity.signKey, userId, deviceId }),
    sign: (message) => identity.sign(message),
    agree: (boxKey) => identity.agree(boxKey),
  };
}

function authentic({ conversationId, identityKey, message }) {
  const { id, userId, content, senderDeviceId } = message;
  const memberId = memberIdOf({ identityKey, userId, deviceId: senderDeviceId });
  const relayed = { id, to: null, encrypted: content };
  return readEnvelope(placeOf(conversationId), relayed, { memberId, signKey: identityKey });
}
