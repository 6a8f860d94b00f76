// @ts-check
/** Where one says what one is called. */

import { nameProblem } from "../protocol/card.js";
import { html } from "../vendor/preact.js";
import { texts } from "./texts.js";

/**
 * What is wrong with a name, in words; null if nothing is.
 *
 * @param {string} name
 */
export function problemOf(name) {
  const problem = nameProblem(name.trim());
  return problem && texts.nameProblems[problem];
}

/**
 * @param {{name: string, set: (name: string) => void, problem: string | null, hint?: string}} props
 */
export function NameField({ name, set, problem, hint }) {
  const described = problem ? "name-problem" : "name-hint";
  return html`<div class="field">
    <label for="name">${texts.start.name}</label>
    <input
      id="name"
      name="name"
      autocomplete="nickname"
      autocapitalize="words"
      spellcheck=${false}
      enterkeyhint="go"
      value=${name}
      aria-invalid=${problem ? "true" : undefined}
      aria-describedby=${described}
      onInput=${(/** @type {any} */ event) => set(event.currentTarget.value)}
    />
    ${
      problem
        ? html`<p id="name-problem" class="problem" role="alert">${problem}</p>`
        : html`<p id="name-hint" class="hint">${hint}</p>`
    }
  </div>`;
}
