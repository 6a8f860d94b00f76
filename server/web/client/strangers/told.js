// @ts-check
/** What the relay says of a random group, brought into shape at the door: it may say anything. */

const MAX_MEMBERS = 1_000;
const MAX_MESSAGES = 1_000;
const MAX_ID_CHARS = 256;
const MAX_NAME_CHARS = 256;
const MAX_CARD_CHARS = 16_384;
const MAX_CIPHERTEXT_CHARS = 2_000_000;

/**
 * @typedef {{userId: string, login: string, publicKey: string | null}} ToldMember
 * @typedef {{epoch: number, members: ToldMember[]}} ToldEpoch
 * @typedef {ToldEpoch & {id: string, name: string, maxMembers: number, seq: number}} ToldGroup
 * @typedef {{id: string, senderId: string, to: string | null, encrypted: string | null, isKeys: boolean, atMs: number, seq: number}} ToldMessage
 * @typedef {{userId: string, reason: string}} ToldPerson
 */

/**
 * @param {unknown} told
 * @returns {ToldGroup | null} Null if it is no group.
 */
export function groupOf(told) {
  const { id, name, maxMembers, seq } = fieldsOf(told);
  const groupId = textOf(id, MAX_ID_CHARS);
  const epoch = epochOf(told);
  if (!groupId || !epoch) return null;
  return {
    ...epoch,
    id: groupId,
    name: textOf(name, MAX_NAME_CHARS) ?? "",
    maxMembers: countOf(maxMembers) || epoch.members.length,
    seq: countOf(seq),
  };
}

/**
 * @param {unknown} told
 * @returns {ToldEpoch | null}
 */
export function epochOf(told) {
  const { epoch, members } = fieldsOf(told);
  if (!Number.isSafeInteger(epoch) || Number(epoch) < 0 || !Array.isArray(members)) return null;
  const known = members.slice(0, MAX_MEMBERS).flatMap((one) => {
    const { userId, login, publicKey } = fieldsOf(one);
    const id = userIdOf(userId);
    const name = textOf(login, MAX_NAME_CHARS) ?? "";
    return id ? [{ userId: id, login: name, publicKey: textOf(publicKey, MAX_CARD_CHARS) }] : [];
  });
  return { epoch: Number(epoch), members: known };
}

/**
 * @param {unknown} told
 * @returns {ToldMessage | null} Null if it tells not even of whom it is.
 */
export function messageOf(told) {
  const { id, senderId, to, encryptedContent, messageType, timestamp, seq } = fieldsOf(told);
  const sender = userIdOf(senderId);
  if (!sender) return null;
  return {
    id: textOf(id, MAX_ID_CHARS) ?? "",
    senderId: sender,
    // Somebody of whom nobody can have heard, rather than everybody.
    to: to === null || to === undefined || to === "" ? null : (userIdOf(to) ?? "?"),
    encrypted: textOf(encryptedContent, MAX_CIPHERTEXT_CHARS),
    isKeys: messageType === "key_exchange",
    atMs: timeOf(timestamp),
    seq: countOf(seq),
  };
}

/** @param {unknown} told */
export function historyOf(told) {
  const { messages, hasMore } = fieldsOf(told);
  const some = Array.isArray(messages) ? messages.slice(-MAX_MESSAGES) : [];
  return { messages: some.flatMap((one) => messageOf(one) ?? []), hasMore: hasMore === true };
}

/**
 * @param {unknown} told
 * @returns {ToldPerson | null}
 */
export function personOf(told) {
  const { userId, reason } = fieldsOf(told);
  const id = userIdOf(userId);
  return id ? { userId: id, reason: textOf(reason, MAX_NAME_CHARS) ?? "" } : null;
}

/** @param {unknown} told */
export function typingOf(told) {
  const { userId, isTyping } = fieldsOf(told);
  const id = userIdOf(userId);
  return id ? { userId: id, isTyping: isTyping === true } : null;
}

/** Of which group something is told. @param {unknown} told */
export function groupIdOf(told) {
  return textOf(fieldsOf(told).groupId, MAX_ID_CHARS);
}

/**
 * User ids as text: the relay has numbers for some.
 *
 * @param {unknown} value
 */
export function userIdOf(value) {
  return textOf(typeof value === "number" ? String(value) : value, MAX_ID_CHARS) || null;
}

/**
 * @param {unknown} told
 * @returns {Record<string, unknown>}
 */
export function fieldsOf(told) {
  return /** @type {any} */ (typeof told === "object" && told !== null ? told : {});
}

/**
 * @param {unknown} value
 * @param {number} maxChars
 */
export function textOf(value, maxChars) {
  return typeof value === "string" && value.length <= maxChars ? value : null;
}

/** @param {unknown} value Of ISO 8601. */
export function timeOf(value) {
  const atMs = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(atMs) ? Date.now() : atMs;
}

/** @param {unknown} value */
function countOf(value) {
  return Number.isSafeInteger(value) ? Math.max(0, Number(value)) : 0;
}
