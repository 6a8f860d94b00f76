// @ts-check
/** The people of a session as they are shown: never changed, and one signal each. */

import { fromBase64url } from "../protocol/bytes.js";
import { signal } from "../vendor/preact.js";
import { isolated, oneLine } from "./clean.js";
import { texts } from "./texts.js";

const HUES = 8;
const MAX_TYPING = 3;

/**
 * @typedef {object} PersonView
 * @property {string} id
 * @property {string} name One line, to be put into a `bdi`.
 * @property {string} label Name and marker, isolated, to be put into sentences.
 * @property {string} marker Tells people of one name apart; empty if there is no other.
 * @property {string} initial
 * @property {number} hue 0 to 7
 * @property {boolean} isYou
 * @property {boolean} isCreator
 * @property {boolean} isPresent
 * @property {boolean} isSilent
 * @property {boolean} isRefused Nothing of it is believed.
 * @property {boolean} hasBadCard Somebody showed false keys in this name.
 * @property {boolean} isRemoved
 * @property {boolean} isVerified
 *
 * @typedef {import("../client/session.js").Session} Session
 * @typedef {import("../client/roster.js").Person} Person
 */

export class Crowd {
  #session;
  /** @type {Map<string, import("../vendor/preact.js").Signal<PersonView>>} */
  #views = new Map();
  /** All of whom anything is known; oneself first, then those who are here. */
  people = signal(/** @type {readonly PersonView[]} */ ([]));
  /** Labels of those who are typing. */
  typing = signal(/** @type {readonly string[]} */ ([]));

  /** @param {Session} session */
  constructor(session) {
    this.#session = session;
  }

  /**
   * One of them, also if nothing is known yet. For a component: it is drawn again on a change.
   *
   * @param {string} id
   */
  person(id) {
    return this.#view(id).value;
  }

  /** @returns {PersonView[]} Who is there besides oneself, and can read what one writes. */
  get readers() {
    return this.people.value.filter(
      ({ isYou, isPresent, isRefused, isRemoved }) =>
        !isYou && isPresent && !isRefused && !isRemoved,
    );
  }

  /** Look again: somebody came, left, was renamed, types. */
  update() {
    const all = this.#session.people;
    const names = countNames(all);
    const known = new Map(all.map((person) => [person.id, person]));
    for (const id of new Set([this.#session.id, ...known.keys(), ...this.#views.keys()])) {
      this.#set(id, this.#describe(id, known.get(id), names));
    }
    const views = [this.#session.id, ...known.keys()].map((id) => this.#view(id).peek());
    const ordered = [...new Set(views)].toSorted(byPresence);
    if (!isSame(this.people.peek(), ordered)) this.people.value = ordered;
    const typing = all.filter(({ id, isTyping }) => isTyping && id !== this.#session.id);
    const labels = typing.slice(0, MAX_TYPING + 1).map(({ id }) => this.#view(id).peek().label);
    if (!isSame(this.typing.peek(), labels)) this.typing.value = labels;
  }

  /** @param {string} id */
  #view(id) {
    const known = this.#views.get(id);
    if (known) return known;
    const person = this.#session.people.find((one) => one.id === id);
    const made = signal(this.#describe(id, person, countNames(this.#session.people)));
    this.#views.set(id, made);
    return made;
  }

  /**
   * @param {string} id
   * @param {PersonView} view
   */
  #set(id, view) {
    const place = this.#view(id);
    const before = place.peek();
    const keys = /** @type {(keyof PersonView)[]} */ (Object.keys(view));
    if (keys.some((key) => view[key] !== before[key])) place.value = view;
  }

  /**
   * @param {string} id
   * @param {Person | undefined} person
   * @param {Map<string, number>} names
   * @returns {PersonView}
   */
  #describe(id, person, names) {
    const isYou = id === this.#session.id;
    const said = isYou ? this.#session.name : person?.card?.name;
    const name = (said && oneLine(said)) || texts.people.unreadable;
    const marker = !said || (names.get(nameKey(said)) ?? 0) > 1 ? markerOf(id) : "";
    return {
      id,
      name,
      label: marker ? `${isolated(name)} (${marker})` : isolated(name),
      marker,
      initial: initialOf(name),
      hue: hueOf(id),
      isYou,
      isCreator: id === this.#session.creatorId,
      isPresent: isYou || Boolean(person?.isPresent),
      isSilent: Boolean(person?.isSilent),
      isRefused: !isYou && !person?.card,
      hasBadCard: Boolean(person?.card && person.refusal),
      isRemoved: Boolean(person?.isRemoved),
      isVerified: Boolean(person?.isVerified),
    };
  }
}

/**
 * @param {readonly Person[]} people
 * @returns {Map<string, number>}
 */
function countNames(people) {
  const names = new Map();
  for (const { card } of people) {
    if (card) names.set(nameKey(card.name), (names.get(nameKey(card.name)) ?? 0) + 1);
  }
  return names;
}

/** @param {string} name */
function nameKey(name) {
  return oneLine(name).normalize("NFKC").toLowerCase();
}

/** @param {string} id */
function markerOf(id) {
  try {
    const [one, two] = fromBase64url(id);
    return [one, two].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  } catch {
    return "?"; // No member of ours has such an id.
  }
}

/** @param {string} name */
function initialOf(name) {
  const [first] = new Intl.Segmenter().segment(name);
  return first?.segment.toUpperCase() ?? "?";
}

/** @param {string} id */
function hueOf(id) {
  return [...id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 9973, 7) % HUES;
}

/**
 * @param {PersonView} one
 * @param {PersonView} other
 */
function byPresence(one, other) {
  return rank(one) - rank(other);
}

/** @param {PersonView} view */
function rank({ isYou, isPresent, isRemoved, isRefused }) {
  if (isYou) return 0;
  if (isRemoved) return 4;
  if (isRefused) return 3;
  return isPresent ? 1 : 2;
}

/**
 * @param {readonly unknown[]} one
 * @param {readonly unknown[]} other
 */
function isSame(one, other) {
  return one.length === other.length && one.every((item, index) => item === other[index]);
}
