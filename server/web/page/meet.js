// @ts-check
/** The way to strangers, on the first screen. */

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { problemOf } from "./name_field.js";
import { proposedPseudonym } from "./pseudonym.js";
import { meetStrangers } from "./screens.js";
import { texts } from "./texts.js";

/** @param {{note: "reloaded" | "left" | null}} props What has just ended. */
export function MeetStrangers({ note }) {
  const { meet } = texts;
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    // Whoever has just left finds here what has become of it, and the way back.
    if (note) heading.current?.focus();
  }, [note]);
  return html`<section class="meet" aria-labelledby="meet-title">
    <div class="meet-words">
      <h2 id="meet-title" ref=${heading} tabindex="-1"><${Icon} name="strangers" />${meet.title}</h2>
      ${note && html`<p class="meet-note" role="status">${meet[note]}</p>`}
      <p>${meet.lead}</p>
      <p class="hint">${meet.honest}</p>
    </div>
    <${MeetForm} />
  </section>`;
}

function MeetForm() {
  const [pseudonym, setPseudonym] = useState(proposedPseudonym);
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isWrong, setWrong] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const { meet } = texts;
  const type = (/** @type {any} */ event) => {
    setPseudonym(event.currentTarget.value);
    setProblem(null);
    setWrong(false);
  };
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const wrong = problemOf(pseudonym);
    setProblem(wrong);
    setWrong(wrong !== null);
    if (wrong) return document.getElementById("pseudonym")?.focus();
    setBusy(true);
    const code = await meetStrangers(pseudonym.trim());
    setBusy(false);
    if (code) setProblem(meet.problems[code] ?? meet.problems.other);
  };
  return html`<form class="meet-form field" novalidate onSubmit=${submit}>
    <label for="pseudonym">${meet.pseudonym}</label>
    <input
      id="pseudonym"
      autocomplete="off"
      autocapitalize="words"
      spellcheck=${false}
      enterkeyhint="go"
      value=${pseudonym}
      aria-invalid=${isWrong ? "true" : undefined}
      aria-describedby=${problem ? "pseudonym-problem" : "pseudonym-hint"}
      onInput=${type}
    />
    ${
      problem
        ? html`<p id="pseudonym-problem" class="problem" role="alert">${problem}</p>`
        : html`<p id="pseudonym-hint" class="hint">${meet.pseudonymHint}</p>`
    }
    <button class="button wide" disabled=${isBusy}>${isBusy ? meet.looking : meet.title}</button>
  </form>`;
}
