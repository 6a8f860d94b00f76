// @ts-check
/** The people of a talk as they are shown: never changed, and one signal each. */

import { signal } from "../vendor/preact.js";
import { isolated, lookOf, oneLine } from "./clean.js";
import { texts } from "./texts.js";

const HUES = 8;
const MAX_TYPING = 3;

/** What nobody is unless something says so. */
export const PLAIN = Object.freeze({
  isYou: false,
  isCreator: false,
  isPresent: false,
  isSilent: false,
  isRefused: false,
  hasBadCard: false,
  isRemoved: false,
  isVerified: false,
  isUnheard: false,
  isChanged: false,
  isBehind: false,
  isBlocked: false,
});

/**
 * What is known of somebody.
 *
 * @typedef {object} OwnFacts
 * @property {string} id
 * @property {string | undefined} said The name, as that person gives it.
 * @property {string} mark Some characters that tell people of one name apart.
 *
 * @typedef {object} Flags
 * @property {boolean} isYou
 * @property {boolean} isCreator
 * @property {boolean} isPresent
 * @property {boolean} isSilent
 * @property {boolean} isRefused Nothing of it is believed.
 * @property {boolean} hasBadCard Somebody showed false keys in this name.
 * @property {boolean} isRemoved
 * @property {boolean} isVerified
 * @property {boolean} isUnheard It has not proved yet that it has its keys.
 * @property {boolean} isChanged It shows other keys than those that it came with.
 * @property {boolean} isBehind It speaks as if somebody were there who has left.
 * @property {boolean} isBlocked What it says is hidden.
 *
 * @typedef {OwnFacts & Flags} Facts
 *
 * @typedef {object} Members Where people are known from.
 * @property {string} selfId
 * @property {() => readonly Facts[]} all
 * @property {(id: string) => Facts} one Also of somebody of whom nothing is known.
 * @property {() => readonly string[]} typing The ids of those who type.
 *
 * @typedef {object} Shown
 * @property {string} name One line, to be put into a `bdi`.
 * @property {string} label Name and marker, isolated, to be put into sentences.
 * @property {string} marker Tells people of one name apart; empty if there is no other.
 * @property {string} initial
 * @property {number} hue 0 to 7
 *
 * @typedef {{id: string} & Shown & Flags} PersonView
 */

export class Crowd {
  #members;
  /** @type {Map<string, import("../vendor/preact.js").Signal<PersonView>>} */
  #views = new Map();
  /** All of whom anything is known; oneself first, then those who are here. */
  people = signal(/** @type {readonly PersonView[]} */ ([]));
  /** Labels of those who are typing. */
  typing = signal(/** @type {readonly string[]} */ ([]));

  /** @param {Members} members */
  constructor(members) {
    this.#members = members;
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
    const all = this.#members.all();
    const names = countNames(all);
    const known = new Map(all.map((facts) => [facts.id, facts]));
    const { selfId } = this.#members;
    for (const id of new Set([selfId, ...known.keys(), ...this.#views.keys()])) {
      this.#set(id, describe(known.get(id) ?? this.#members.one(id), names));
    }
    const views = [selfId, ...known.keys()].map((id) => this.#view(id).peek());
    const ordered = [...new Set(views)].toSorted(byPresence);
    if (!isSame(this.people.peek(), ordered)) this.people.value = ordered;
    const typing = this.#members.typing().filter((id) => id !== selfId);
    const labels = typing.slice(0, MAX_TYPING + 1).map((id) => this.#view(id).peek().label);
    if (!isSame(this.typing.peek(), labels)) this.typing.value = labels;
  }

  /** @param {string} id */
  #view(id) {
    const known = this.#views.get(id);
    if (known) return known;
    const made = signal(describe(this.#members.one(id), countNames(this.#members.all())));
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
}

/**
 * @param {Facts} facts
 * @param {Map<string, number>} names
 * @returns {PersonView}
 */
function describe({ said, mark, ...facts }, names) {
  const name = (said && oneLine(said)) || texts.people.unreadable;
  const marker = !said || (names.get(lookOf(said)) ?? 0) > 1 ? mark : "";
  const label = marker ? `${isolated(name)} (${marker})` : isolated(name);
  return { ...facts, name, label, marker, initial: initialOf(name), hue: hueOf(facts.id) };
}

/**
 * @param {readonly Facts[]} all
 * @returns {Map<string, number>}
 */
function countNames(all) {
  const names = new Map();
  for (const { said } of all) {
    if (said) names.set(lookOf(said), (names.get(lookOf(said)) ?? 0) + 1);
  }
  return names;
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
