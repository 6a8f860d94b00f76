// @ts-check
/**
 * All that the page says among strangers, but for the first screen. To translate it, translate this
 * file and ../texts.js.
 *
 * Names come isolated (../clean.js), so that they may stand anywhere in a sentence.
 */

import { formats, many } from "../formats.js";

const RUN_OUT = {
  title: "Your pseudonym has run out",
  text: "A pseudonym is good for a day. You can go on as somebody new.",
};

export const texts = {
  group: "Group",
  unnamed: "A group of strangers",
  about: "About this group",
  next: "Next",
  nextHint: "Leave this group, and meet other people",
  leave: "Leave",
  looking: "Looking for people…",
  others: "Meet others",
  toStart: "Back to the start",
  /** @param {number} here @param {number} places */
  places: (here, places) => `${formats.number(here)} of ${formats.number(places)}`,
  placesWord: "places",
  /** @param {string} code */
  says: (code) => `What the server says: ${code}`,

  beginning: {
    title: "You are among strangers",
    sealed:
      "What is said here is encrypted on your device, with keys that change whenever somebody comes or goes. Newcomers cannot read back.",
    alone: "Nobody else is here at the moment",
    wait: "Others will come: leave this page open. The title of its tab counts what they say.",
    honest:
      "You share no secret with those you meet: the server hands out everybody's keys and could lie about them, unless you compare safety numbers. This page keeps nothing of what is said, and a reload takes you out. Be careful what you tell.",
  },
  states: {
    here: "Here",
    gone: "Gone",
    refused: "Uses another app: cannot read what you write",
    unheard: "Has not proved its keys yet",
    changed: "Shows other keys than before",
    behind: "Writes for people who have left",
    blocked: "Blocked: you do not read each other",
  },
  ways: {
    trust: "Accept the new keys",
    block: "Block",
    unblock: "Unblock",
    report: "Report",
  },
  moving: {
    title: "Move on to other people?",
    text: "People are talking here. You will not find back, and what was said is forgotten on this device.",
    stay: "Stay",
    go: "Move on",
  },
  leaving: {
    title: "Leave the group?",
    text: "The others see that you have left. What was said, and your keys, are forgotten on this device.",
    stay: "Stay",
    go: "Leave and forget",
  },
  trusting: {
    /** @param {string} name */
    title: (name) => `Accept other keys for ${name}?`,
    text: "Perhaps the page was opened anew there. Perhaps the server has put somebody else in this place, who would then read what you write. If you can, compare safety numbers another way after this.",
    stay: "Do not accept",
    go: "Accept",
  },
  aboutGroup: {
    about: [
      "What is said is encrypted between the people in the list. The server knows their pseudonyms, who is here with whom, and when somebody writes; it cannot read what.",
      "But these people share no secret: the server hands out their keys, and could lie about them from the moment that somebody comes. Keys that change later are shown.",
    ],
    number: {
      title: "Safety number of the group",
      lead: "Whoever sees these digits too, sees the same people with the same keys. Compare them another way. They change whenever somebody comes or goes.",
    },
  },
  report: {
    /** @param {string} name */
    title: (name) => `Report ${name}`,
    seen: "The people who run this server will see:",
    /** @param {string} name */
    whom: (name) => `that it is you who reports ${name}, in which group, and when`,
    words: "your reason, as you write it below",
    /** @param {number} count */
    proof: (count) =>
      count
        ? `${many(count, "message", "messages")} in plain text, with proof of who wrote ${count === 1 ? "it" : "them"}`
        : "no message, unless you choose some below",
    else: "Nothing else is revealed: no other message, and nobody else's.",
    follows:
      "Reporting also blocks. When enough people report somebody, the server removes them from the group.",
    reason: "What is wrong?",
    noReason: "Please say what is wrong.",
    choose: "Messages to reveal",
    /** @param {number} count */
    most: (count) => `Up to ${formats.number(count)}; the newest come first.`,
    nothing: "There is no message that you could reveal.",
    send: "Send the report",
    /** @param {string} name */
    done: (name) => `Thank you. The report was sent, and ${name} is blocked for you.`,
    problems: /** @type {Record<string, string>} */ ({
      payload_too_large: "That is more than a report can hold. Choose fewer or shorter messages.",
      rate_limited: "You have reported a lot. Try again in a while.",
      offline: "There is no connection. Try again when it is back.",
      not_a_member: "They have left, so the server takes no report about them any more.",
      recipient_not_found: "They have left, so the server takes no report about them any more.",
      other: "The server did not take the report. Try again later.",
    }),
  },
  ends: /** @type {Record<string, {title: string, text: string}>} */ ({
    expired: {
      title: "This group has ended",
      text: "Nobody said anything for a while, so the server has forgotten it.",
    },
    removed: {
      title: "You were removed from the group",
      text: "Several people reported you, or an operator ended the group. You cannot read or write here any more.",
    },
    lost: {
      title: "You are no longer in the group",
      text: "The connection was away for too long, so the others have seen you leave.",
    },
    token_expired: RUN_OUT,
    signed_out: RUN_OUT,
    replaced: {
      title: "Your place was taken",
      text: "The server shows other keys than yours under your pseudonym. Do not believe what is said there in your name.",
    },
    left: { title: "You have left", text: "You are no longer in this group." },
    other: {
      title: "This group has ended for you",
      text: "The server refuses to go on. Try to meet others.",
    },
  }),
  problems: /** @type {Record<string, string>} */ ({
    rate_limited: "That was a bit much in a short time. Wait a moment, and try again.",
    server_full: "The server has as many groups as it can hold. Try again later.",
    offline: "The server does not answer. Try again when the connection is back.",
    forbidden: "This server has no groups for guests.",
    other: "That did not work. Try again later.",
  }),
};
