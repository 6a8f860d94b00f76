// @ts-check
/**
 * What the relay says, brought into shape at the door: it may say anything, of any size and type.
 *
 * Nothing here is believed yet; it only is what the rest of the client can handle.
 */

/** More is not looked at: no honest relay holds so much. */
const MAX_MEMBERS = 10_000;
const MAX_MESSAGES = 100_000;
const MAX_ID_CHARS = 128;
const MAX_TOKEN_CHARS = 512;
const MAX_CARD_CHARS = 16_384;
const MAX_CIPHERTEXT_CHARS = 2_000_000;
const MAX_TIME_MS = 8_640_000_000_000_000; // of a Date
const MAX_WAIT_MS = 60_000;
const CODE = /^[a-z_]{1,40}$/;

/**
 * @typedef {{userId: string, publicKey: string | null, joinedAt: number}} RelayMember
 * @typedef {{id: string, from: string, to: string | null, encrypted: string | null, timestamp: number, seq: number}} RelayMessage
 * @typedef {{from: string, encrypted: unknown}} RelaySignal
 * @typedef {{seq: number, truncated: boolean, locked: boolean, memberToken: string | null, members: RelayMember[], messages: RelayMessage[]}} Joined
 * @typedef {{code: string, message: string, retryAfterMs: number | undefined}} Refusal
 */

/**
 * @param {unknown} told
 * @returns {RelayMember[] | null} Null if it is no list.
 */
export function membersOf(told) {
  if (!Array.isArray(told)) return null;
  return told.slice(0, MAX_MEMBERS).flatMap((one) => {
    const { userId, publicKey, joinedAt } = fieldsOf(one);
    const id = idOf(userId);
    const card = textOf(publicKey, MAX_CARD_CHARS);
    return id ? [{ userId: id, publicKey: card, joinedAt: timeOf(joinedAt) }] : [];
  });
}

/**
 * @param {unknown} told
 * @returns {RelayMessage | null} Null if it tells not even of whom it is.
 */
export function messageOf(told) {
  const { id, from, to, encrypted, timestamp, seq } = fieldsOf(told);
  const sender = idOf(from);
  if (!sender) return null;
  return {
    id: textOf(id, MAX_ID_CHARS) ?? "",
    from: sender,
    // Somebody of whom nobody can have heard, rather than everybody.
    to: to === null || to === undefined || to === "" ? null : (idOf(to) ?? "?"),
    encrypted: textOf(encrypted, MAX_CIPHERTEXT_CHARS),
    timestamp: timeOf(timestamp),
    seq: seqOf(seq),
  };
}

/** @param {unknown} told */
export function signalOf(told) {
  const { from, encrypted } = fieldsOf(told);
  const sender = idOf(from);
  return sender ? { from: sender, encrypted } : null;
}

/** @param {unknown} told */
export function arrivedOf(told) {
  return { seq: seqOf(fieldsOf(told).seq) };
}

/** @param {unknown} told */
export function departedOf(told) {
  const { userId, reason, seq } = fieldsOf(told);
  const id = idOf(userId);
  return id ? { userId: id, isLost: reason === "lost", seq: seqOf(seq) } : null;
}

/** @param {unknown} told */
export function typingOf(told) {
  const { userId, isTyping } = fieldsOf(told);
  const id = idOf(userId);
  return id ? { userId: id, isTyping: isTyping === true } : null;
}

/** @param {unknown} told */
export function downloadedOf(told) {
  const { downloadedBy, fileName } = fieldsOf(told);
  const memberId = idOf(downloadedBy);
  const fileId = textOf(fileName, MAX_ID_CHARS);
  return memberId && fileId ? { memberId, fileId } : null;
}

/** @param {unknown} told */
export function lockedOf(told) {
  return { isLocked: fieldsOf(told).locked === true };
}

/**
 * @param {unknown} told
 * @returns {Joined}
 */
export function joinedOf(told) {
  const { seq, truncated, locked, memberToken, members, messages } = fieldsOf(told);
  const history = Array.isArray(messages) ? messages.slice(0, MAX_MESSAGES) : [];
  return {
    seq: seqOf(seq),
    truncated: truncated === true,
    locked: locked === true,
    memberToken: textOf(memberToken, MAX_TOKEN_CHARS),
    members: membersOf(members) ?? [],
    messages: history.flatMap((one) => messageOf(one) ?? []),
  };
}

/**
 * @param {unknown} told
 * @returns {Refusal}
 */
export function refusalOf(told) {
  const { error, message, retryAfterMs } = fieldsOf(told);
  const isCode = typeof error === "string" && CODE.test(error);
  const waitMs = typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : undefined;
  return {
    code: isCode ? error : "unknown",
    message: textOf(message, MAX_TOKEN_CHARS) ?? "",
    retryAfterMs: waitMs && Math.min(waitMs, MAX_WAIT_MS),
  };
}

/**
 * @param {unknown} told
 * @returns {Record<string, unknown>}
 */
function fieldsOf(told) {
  return /** @type {any} */ (typeof told === "object" && told !== null ? told : {});
}

/**
 * User ids that came as numbers go out as numbers; ours never do.
 *
 * @param {unknown} value
 */
function idOf(value) {
  return textOf(typeof value === "number" ? String(value) : value, MAX_ID_CHARS) || null;
}

/**
 * @param {unknown} value
 * @param {number} maxChars
 */
function textOf(value, maxChars) {
  return typeof value === "string" && value.length <= maxChars ? value : null;
}

/** @param {unknown} value */
function timeOf(value) {
  const isTime = typeof value === "number" && value >= 0 && value <= MAX_TIME_MS;
  return isTime ? value : Date.now();
}

/** @param {unknown} value */
function seqOf(value) {
  return Number.isSafeInteger(value) ? Math.max(0, Number(value)) : 0;
}
