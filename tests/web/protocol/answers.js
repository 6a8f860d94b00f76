// What the JavaScript implementation answers to questions on the protocol; answers.py has the same.
//
// A line of the input is [operation, arguments], with bytes as {"hex": "…"}; a line of the output
// {"result": …}, {"refused": reason}, or {"failed": …} where the library raised what it should not.

import { createInterface } from "node:readline";
import { readContent } from "../../../server/web/client/entries.js";
import * as bytes from "../../../server/web/protocol/bytes.js";
import { makeCard, readCard } from "../../../server/web/protocol/card.js";
import { Chain } from "../../../server/web/protocol/chain.js";
import { Chunks, readFileNote } from "../../../server/web/protocol/chunks.js";
import { makeEnvelope, readEnvelope } from "../../../server/web/protocol/envelope.js";
import { Epoch, recipientsHash, unwrapKey, wrapKeys } from "../../../server/web/protocol/epoch.js";
import { fileName } from "../../../server/web/protocol/file_names.js";
import { Identity } from "../../../server/web/protocol/identity.js";
import { Link, LinkError } from "../../../server/web/protocol/link.js";
import * as primitives from "../../../server/web/protocol/primitives.js";
import { safetyNumber } from "../../../server/web/protocol/safety.js";
import { makeHead, makeSignal, readSignal } from "../../../server/web/protocol/signals.js";
import { hkdf } from "../../../server/web/vendor/noble.js";
import { CHANNELS } from "./channels/answers.js";
import { STRANGERS } from "./strangers/answers.js";

const { fromBase64url, MalformedError, unpack } = bytes;
const { ForgedError } = primitives;

const OPERATIONS = {
  "base64url.write": (args) => bytes.toBase64url(args.bytes),
  "base64url.read": ({ text }) => fromBase64url(text),
  "u64.write": ({ number }) => bytes.u64(number),
  "u64.read": (args) => bytes.fromU64(args.bytes),
  pack: ({ fields }) => bytes.pack(...fields),
  unpack: ({ packed, count }) => unpack(packed, count),
  pad: ({ size, floor }) => {
    const padded = primitives.pad(new Uint8Array(size), floor);
    return { size: padded.length, mark: padded[size] };
  },
  unpad: ({ padded }) => primitives.unpad(padded),
  derive: ({ key, salt, label, fields }) => primitives.derive(key, salt, label, ...fields),
  hkdf: ({ key, salt, info, size }) => hkdf(primitives.hash, key, salt, info, size),
  seal: ({ key, nonce, aad, plain }) => primitives.seal(key, nonce, aad, plain),
  open: ({ key, nonce, aad, sealed }) => primitives.open(key, nonce, aad, sealed),
  dh: ({ secret, key }) => primitives.dh(secret, key),
  sign: ({ seed, data }) => primitives.sign(seed, data),
  verify: ({ key, data, signature }) => {
    if (!primitives.isPrimePoint(key)) throw new ForgedError("no key");
    primitives.verify(key, data, signature);
    return true;
  },
  "link.make": ({ sessionId, secret, creator, sharesHistory }) => {
    const link = new Link(sessionId, secret, creator, sharesHistory);
    return { fragment: link.fragment, ...plainLink(link) };
  },
  "link.read": ({ text }) => plainLink(Link.parse(text)),
  identity: (args) => {
    const { signKey, boxKey, memberId, id } = identityOf(args);
    return { signKey, boxKey, memberId, userId: id };
  },
  "card.make": ({ link, identity, name, madeMs, nonce }) => {
    const card = makeCard(Link.parse(link), identityOf(identity), name, madeMs, nonce);
    const [body, signature, mac] = unpack(fromBase64url(card), 3);
    return { body, sealedName: unpack(body, 6)[5], signature, mac, card };
  },
  "card.read": ({ link, card, userId }) => {
    const { id, signKey, boxKey, name, madeMs } = readCard(Link.parse(link), card, userId);
    return { userId: id, signKey, boxKey, name, madeMs };
  },
  epoch: ({ link, members, ...said }) => {
    const epoch = epochOf(Link.parse(link), { ...said, recipients: recipientsHash(members) });
    return {
      recipients: epoch.recipients,
      epochId: epoch.epochId,
      contentKey: epoch.contentKey,
    };
  },
  "keys.wrap": ({ link: text, epoch, recipients, ephemeralSecret }) => {
    const link = Link.parse(text);
    const wrapped = recipients.map(({ card, from }) => ({ ...readCard(link, card), from }));
    return wrapKeys(link, epochOf(link, epoch), wrapped, ephemeralSecret);
  },
  "keys.unwrap": ({ link, identity, ...head }) => {
    const mine = unwrapKey(Link.parse(link), identityOf(identity), head);
    return mine && { key: mine.epoch.key, from: mine.from };
  },
  "message.make": ({ link: text, identity: secrets, epoch, content, nonce, ...said }) => {
    const link = Link.parse(text);
    const identity = identityOf(secrets);
    const whole = epochOf(link, { ...epoch, sender: identity.memberId });
    const envelope = makeEnvelope(link, identity, whole, said, content, nonce);
    const [head, sealed, signature] = unpack(envelope.bytes, 3);
    const encrypted = bytes.toBase64url(envelope.bytes);
    return { head, sealed, signature, hash: envelope.hash, encrypted };
  },
  "message.read": (args) => {
    const { head, hash } = authentic(args);
    const { kind, epochId, recipients, number, previous, sentMs, keys } = head;
    return { kind, epochId, recipients, number, previous, sentMs, keys, hash };
  },
  "message.open": (args) => {
    const envelope = authentic(args);
    const said = envelope.open(epochOf(Link.parse(args.link), args.epoch));
    const content = readContent(envelope.head.kind, said);
    if (!content) throw new MalformedError("of a form that this version does not know");
    const { kind, ...fields } = content;
    return kind === "file" ? plainNote(fields.file) : fields;
  },
  chain: ({ steps }) => {
    const chain = new Chain();
    return steps.map((step) => takeStep(chain, step));
  },
  "head.make": ({ link: text, identity, alone, ...said }) => {
    const link = Link.parse(text);
    const ends = alone.map(({ card, ...end }) => ({ card: readCard(link, card), ...end }));
    return makeHead(link, identityOf(identity), { ...said, alone: ends });
  },
  "signal.make": ({ link: text, identity, card, nonce, ...said }) => {
    const link = Link.parse(text);
    return makeSignal(link, identityOf(identity), readCard(link, card), said, nonce);
  },
  "signal.read": ({ link: text, identity, card, encrypted }) => {
    const link = Link.parse(text);
    const read = readSignal(link, identityOf(identity), readCard(link, card), encrypted);
    return "head" in read ? read.head : read.signal;
  },
  "chunk.open": ({ content, index, sealed }) => {
    const chunks = new Chunks(readFileNote(content.file));
    chunks.check(index, sealed);
    return chunks.open(index, sealed);
  },
  "file.name": ({ name }) => fileName(name),
  safety: ({ sessionId, one, other }) => safetyNumber({ sessionId }, one, other),
  ...STRANGERS,
  ...CHANNELS,
};

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(...JSON.parse(line)))}\n`);
}

function answer(operation, args) {
  try {
    return { result: toJson(OPERATIONS[operation](fromJson(args))) };
  } catch (error) {
    if (error instanceof LinkError) return { refused: error.reason };
    if (error instanceof ForgedError) return { refused: "forged" };
    if (error instanceof MalformedError) return { refused: "malformed" };
    return { failed: `${operation}: ${error.stack}` };
  }
}

function toJson(value) {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value !== "object") return value ?? null;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, toJson(one)]));
}

function fromJson(value) {
  if (Array.isArray(value)) return value.map(fromJson);
  if (value === null || typeof value !== "object") return value;
  if (typeof value.hex === "string") return Uint8Array.from(Buffer.from(value.hex, "hex"));
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, fromJson(one)]));
}

function plainLink(link) {
  const { sessionId, relaySessionId, creator, sharesHistory } = link;
  const { authKey, linkKey, cardKey, nameKey } = link;
  return { sessionId, relaySessionId, creator, sharesHistory, authKey, linkKey, cardKey, nameKey };
}

function identityOf({ seed, boxSecret }) {
  return new Identity(seed, boxSecret);
}

function epochOf(link, { sender, audience, recipients, key }) {
  return new Epoch(link.sessionId, sender, audience, recipients, key);
}

function authentic({ link: text, card, relayed }) {
  const link = Link.parse(text);
  return readEnvelope(link, relayed, readCard(link, card));
}

function plainNote(note) {
  const { name, type, size, chunk, preview } = note;
  const [id, key, hashes] = [note.id, note.key, note.hashes].map(fromBase64url);
  const count = new Chunks(note).count;
  const shown = preview === undefined ? null : fromBase64url(preview);
  return { id, name, type, size, chunk, count, key, hashes, preview: shown };
}

function takeStep(chain, { told, giveUp, startAt, number, hash, previous, from }) {
  if (told !== undefined) return { state: chain.compare(told, hash) };
  if (giveUp !== undefined) return { missing: chain.giveUp(giveUp), gaps: gapsOf(chain) };
  if (startAt !== undefined) return { missing: chain.startAt(startAt), gaps: gapsOf(chain) };
  const taken = chain.take({ number, hash, previous }, from);
  return { ...taken, gaps: gapsOf(chain), newest: chain.newest };
}

function gapsOf({ gaps }) {
  return gaps.map(({ first, last }) => [first, last]);
}
