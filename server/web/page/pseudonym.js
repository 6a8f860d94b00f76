// @ts-check
/** The pseudonym among strangers: a random one is proposed, and this tab remembers what one took. */

const KEPT = "hushwire.pseudonym";
const VISITING = "hushwire.among-strangers";
const KINDS =
  "Amber Brave Calm Clever Coral Curious Dusky Early Fond Gentle Golden Hazel Honest Jolly Kind Lively Lucky Mellow Merry Misty Patient Plucky Quiet Rosy Silver Sunny Swift Tidy Velvet Warm Witty Young".split(
    " ",
  );
const ANIMALS =
  "Badger Beaver Bittern Curlew Dolphin Dormouse Falcon Finch Gecko Hare Heron Ibis Jackdaw Kestrel Lark Lynx Marten Moth Newt Otter Owl Panda Pigeon Puffin Raven Robin Seal Sparrow Stoat Swift Tern Wren".split(
    " ",
  );

/** The one that this tab remembers, or a new one. */
export function proposedPseudonym() {
  return recall(KEPT) ?? `${oneOf(KINDS)} ${oneOf(ANIMALS)}`;
}

/**
 * One is among strangers from now on.
 *
 * @param {string} pseudonym
 */
export function noteVisit(pseudonym) {
  remember(KEPT, pseudonym);
  remember(VISITING, "yes");
}

export function noteLeaving() {
  remember(VISITING, null);
}

/** Whether this tab was among strangers when it was loaded again. It tells once. */
export function wasVisiting() {
  const was = recall(VISITING) !== null;
  noteLeaving();
  return was;
}

/**
 * @param {readonly string[]} words
 * @returns {string}
 */
function oneOf(words) {
  const [drawn] = crypto.getRandomValues(new Uint32Array(1));
  return words[drawn % words.length];
}

/** @param {string} key */
function recall(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null; // A browser that keeps nothing.
  }
}

/**
 * @param {string} key
 * @param {string | null} value Null forgets it.
 */
function remember(key, value) {
  try {
    if (value === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, value);
  } catch {
    // Then another one is proposed the next time.
  }
}
