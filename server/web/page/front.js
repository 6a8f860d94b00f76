// @ts-check
/** The screens before and after a conversation. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { isolated } from "./clean.js";
import { forgetAll } from "./forgetting.js";
import { Icon, Sign } from "./icons.js";
import { MeetStrangers } from "./meet.js";
import { NameField, problemOf } from "./name_field.js";
import { Switch } from "./parts.js";
import { forgetSession, goToStart, joinSession, openLink, startSession } from "./screens.js";
import { texts } from "./texts.js";

/** @param {{children?: unknown}} props */
function Front({ children }) {
  return html`<div class="front">
    <header class="front-head">
      <span class="wordmark"><${Sign} /> ${texts.name}</span>
    </header>
    <main class="front-main">
      ${children}
    </main>
  </div>`;
}

/** The sign, drawn out from one side to the other. */
function Wire() {
  return html`<svg class="wire" viewBox="0 0 1000 84" aria-hidden="true" focusable="false">
    <path class="sign-wire" d="M14 22C260 96 700 98 980 17.5" />
    <circle class="sign-speaks" cx="12" cy="18" r="9" />
    <circle class="sign-listens" cx="987" cy="12" r="8" />
  </svg>`;
}

/**
 * A form that asks for a name; `begin` is told it once it can be used.
 *
 * @param {{begin: (name: string) => Promise<void>, action: string, hint?: string, children?: unknown}} props
 */
function NameForm({ begin, action, hint, children }) {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isBusy, setBusy] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const found = problemOf(name);
    setProblem(found);
    if (found) return /** @type {HTMLElement | null} */ (document.getElementById("name"))?.focus();
    setBusy(true);
    await begin(name.trim());
  };
  const type = (/** @type {string} */ said) => {
    setName(said);
    setProblem(null);
  };
  return html`<form class="card" novalidate onSubmit=${submit}>
    <${NameField} name=${name} set=${type} problem=${problem} hint=${hint} />
    ${children}
    <button class="button primary wide" disabled=${isBusy}>${action}</button>
  </form>`;
}

/** @param {{note: "reloaded" | "left" | null}} props What has just ended. */
export function StartScreen({ note }) {
  const [sharesHistory, setShares] = useState(false);
  const begin = (/** @type {string} */ name) => startSession({ name, sharesHistory });
  return html`<${Front}>
    <section class="hero">
      <h1>${texts.start.title}</h1>
      <p class="lead">${texts.start.lead}</p>
    </section>
    <section class="front-form" aria-label=${texts.start.form}>
      <${NameForm} begin=${begin} action=${texts.start.begin} hint=${texts.start.nameHint}>
        <${Switch}
          label=${texts.start.shares}
          hint=${texts.start.sharesHint}
          isOn=${sharesHistory}
          set=${setShares}
        />
      <//>
      <${PasteForm} />
    </section>
    <${Wire} />
    <${MeetStrangers} note=${note} />
    <ul class="facts">
      ${texts.start.facts.map(
        ([title, text], index) => html`<li>
          <${Icon} name=${["lock", "invite", "clock"][index]} />
          <div><strong>${title}</strong><span>${text}</span></div>
        </li>`,
      )}
    </ul>
    <${ForgetAll} />
  <//>`;
}

function PasteForm() {
  const [link, setLink] = useState("");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (link.trim()) openLink(link);
  };
  return html`<details class="paste">
    <summary>${texts.start.have}</summary>
    <form class="inline-form" onSubmit=${submit}>
      <input
        aria-label=${texts.start.paste}
        placeholder=${texts.start.paste}
        autocomplete="off"
        spellcheck=${false}
        value=${link}
        onInput=${(/** @type {any} */ event) => setLink(event.currentTarget.value)}
      />
      <button class="button">${texts.start.open}</button>
    </form>
  </details>`;
}

function ForgetAll() {
  const [isDone, setDone] = useState(false);
  const forget = async () => {
    await forgetAll();
    setDone(true);
  };
  return html`<p class="front-foot" role="status">
    ${
      isDone
        ? texts.start.forgot
        : html`<button class="quiet-link" onClick=${forget}>${texts.start.forget}</button>`
    }
  </p>`;
}

/** @param {{link: import("../protocol/link.js").Link}} props */
export function InvitedScreen({ link }) {
  const { invited } = texts;
  const facts = [invited.sealed, link.sharesHistory ? invited.shared : invited.unshared];
  return html`<${Front}>
    <section class="hero">
      <h1>${invited.title}</h1>
      <p class="lead">${invited.lead}</p>
    </section>
    <section class="front-form" aria-label=${invited.join}>
      <${NameForm}
        begin=${(/** @type {string} */ name) => joinSession(link, name)}
        action=${invited.join}
        hint=${texts.start.nameHint}
      />
    </section>
    <${Wire} />
    <section class="joining">
      <h2>${invited.facts}</h2>
      <ul>
        ${[...facts, invited.holders].map(
          (text, index) =>
            html`<li><${Icon} name=${["lock", "clock", "people"][index]} /><span>${text}</span></li>`,
        )}
      </ul>
    </section>
    <p class="front-foot">
      <button class="quiet-link" onClick=${goToStart}>${invited.instead}</button>
    </p>
  <//>`;
}

/** @param {{address: URL}} props The whole link, of another server. */
export function ElsewhereScreen({ address }) {
  const { elsewhere } = texts;
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => heading.current?.focus(), []);
  return html`<${Front}>
    <section class="hero ending">
      <h1 ref=${heading} tabindex="-1">${elsewhere.title}</h1>
      <p class="lead">${elsewhere.lead(isolated(address.host))}</p>
      <p class="hint">${elsewhere.trust}</p>
      <div class="ways">
        <a class="button primary" href=${address.href} rel="noreferrer">${elsewhere.open}</a>
        <button class="button" onClick=${goToStart}>${elsewhere.stay}</button>
      </div>
    </section>
  <//>`;
}

/** @param {{code: string, conversation?: import("./conversation.js").Conversation}} props */
export function EndedScreen({ code, conversation }) {
  return html`<${Front}>
    <section class="hero ending">
      <${EndWords} code=${code} level=${1} />
      <${EndWays} code=${code} conversation=${conversation} />
    </section>
  <//>`;
}

/**
 * What has ended, and why.
 *
 * @param {{code: string, level: 1 | 2}} props
 */
export function EndWords({ code, level }) {
  const known = Object.hasOwn(texts.ends, code);
  const { title, text } = texts.ends[known ? code : "other"];
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    // What had the focus is gone; a panel below a conversation is an alert instead.
    if (level === 1) heading.current?.focus();
  }, [level]);
  return html`<${`h${level}`} ref=${heading} tabindex="-1">${title}<//>
    <p class="lead">${text}</p>
    ${!known && html`<p class="hint">${texts.ended.code(code)}</p>`}`;
}

/**
 * The ways out of an end.
 *
 * @param {{code: string, conversation?: import("./conversation.js").Conversation}} props
 */
export function EndWays({ code, conversation }) {
  const isPassing = [
    "session_full",
    "session_locked",
    "session_not_found",
    "newer",
    "outdated",
  ].includes(code);
  return html`<div class="ways">
    ${
      (isPassing || !Object.hasOwn(texts.ends, code)) &&
      html`<button class="button" onClick=${() => location.reload()}>${texts.ended.again}</button>`
    }
    <button
      class="button primary"
      onClick=${() => (conversation ? forgetSession(conversation) : goToStart())}
    >
      ${texts.ended.fresh}
    </button>
  </div>`;
}
