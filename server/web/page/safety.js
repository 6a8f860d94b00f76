// @ts-check
/** The safety number: two compare it on another way. */

import { html } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { Icon } from "./icons.js";
import { Dialog } from "./parts.js";
import { QrCode } from "./qr_code.js";
import { texts } from "./texts.js";

/** @param {{personId: string, close: () => void}} props */
export function SafetyDialog({ personId, close }) {
  const { line, crowd } = useExchange();
  const person = crowd.person(personId);
  const groups = line.safetyNumber(personId) ?? [];
  const { safety } = texts;
  const mark = () => line.setVerified(personId, !person.isVerified);
  return html`<${Dialog} title=${safety.title} close=${close} class="safety">
    <p>${safety.lead(person.label)}</p>
    <${Digits} groups=${groups} />
    <button
      class=${`button wide ${person.isVerified ? "is-verified" : "primary"}`}
      aria-pressed=${String(person.isVerified)}
      onClick=${mark}
    >
      <${Icon} name="verified" />${person.isVerified ? safety.unmark : safety.mark}
    </button>
  <//>`;
}

/**
 * Digits to compare, by eye or by camera.
 *
 * @param {{groups: readonly string[]}} props
 */
export function Digits({ groups }) {
  const { safety } = texts;
  return html`<ol class="digits" aria-label=${safety.digits}>
      ${groups.map((group) => html`<li>${group}</li>`)}
    </ol>
    <${QrCode} text=${groups.join(" ")} label=${safety.qr} />`;
}
