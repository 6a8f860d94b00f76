// @ts-check
/** Reporting somebody: what the operators get to see is said before, and chosen. */

import { html, useState } from "../../vendor/preact.js";
import { formats } from "../formats.js";
import { Dialog } from "../parts.js";
import { texts as common } from "../texts.js";
import { useGroupTalk } from "./context.js";
import { texts } from "./texts.js";
import { codeOf } from "./visit.js";

const MAX_REASON_CHARS = 500;
const MAX_SHOWN = 50;
const MAX_REVEALED = 10;
const EXCERPT_CHARS = 280;

/** @typedef {import("../../client/entries.js").MessageEntry} MessageEntry */

/** @param {{personId: string, close: () => void}} props */
export function ReportDialog({ personId, close }) {
  const { crowd } = useGroupTalk();
  const [isDone, setDone] = useState(false);
  const { label } = crowd.person(personId);
  const { report } = texts;
  return html`<${Dialog} title=${report.title(label)} close=${close} class="report">
    ${
      isDone
        ? html`<p role="status">${report.done(label)}</p>
            <div class="dialog-ways">
              <button class="button primary" onClick=${close}>${common.close}</button>
            </div>`
        : html`<${ReportForm} personId=${personId} label=${label} close=${close} done=${() => setDone(true)} />`
    }
  <//>`;
}

/** @param {{personId: string, label: string, close: () => void, done: () => void}} props */
function ReportForm({ personId, label, close, done }) {
  const { group, log } = useGroupTalk();
  const [reason, setReason] = useState("");
  const [chosen, setChosen] = useState(/** @type {readonly string[]} */ ([]));
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [said] = useState(() => saidBy(log, personId));
  const { report } = texts;
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (!reason.trim()) {
      setProblem(report.noReason);
      return document.getElementById("report-reason")?.focus();
    }
    const evidence = chosen.length > 0 ? group.evidence(personId, chosen) : null;
    if (chosen.length > 0 && (!evidence || evidence.leftOut > 0)) {
      return setProblem(report.problems.payload_too_large);
    }
    setBusy(true);
    try {
      await group.report(personId, reason.trim(), evidence);
      done();
    } catch (error) {
      setProblem(report.problems[codeOf(error)] ?? report.problems.other);
      setBusy(false);
    }
  };
  return html`<form class="report-form" novalidate onSubmit=${submit}>
    <${Revealed} label=${label} count=${chosen.length} />
    <label class="field">
      <span class="field-name">${report.reason}</span>
      <textarea
        id="report-reason"
        rows="2"
        maxlength=${MAX_REASON_CHARS}
        value=${reason}
        onInput=${(/** @type {any} */ event) => setReason(event.currentTarget.value)}
      ></textarea>
    </label>
    <${Choice} said=${said} chosen=${chosen} choose=${setChosen} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="dialog-ways">
      <button type="button" class="button" onClick=${close}>${common.cancel}</button>
      <button class="button danger solid" disabled=${isBusy}>${report.send}</button>
    </div>
  </form>`;
}

/** @param {{label: string, count: number}} props */
function Revealed({ label, count }) {
  const { report } = texts;
  return html`<div class="revealed">
    <p class="field-name">${report.seen}</p>
    <ul>
      <li>${report.whom(label)}</li>
      <li>${report.words}</li>
      <li>${report.proof(count)}</li>
    </ul>
    <p>${report.else}</p>
    <p class="hint">${report.follows}</p>
  </div>`;
}

/** @param {{said: readonly MessageEntry[], chosen: readonly string[], choose: (ids: readonly string[]) => void}} props */
function Choice({ said, chosen, choose }) {
  const { report } = texts;
  if (said.length === 0) return html`<p class="hint">${report.nothing}</p>`;
  const isFull = chosen.length >= MAX_REVEALED;
  const turn = (/** @type {string} */ id, /** @type {boolean} */ isOn) =>
    choose(isOn ? [...chosen, id] : chosen.filter((one) => one !== id));
  return html`<fieldset class="choice">
    <legend class="field-name">${report.choose}</legend>
    <p class="hint">${report.most(MAX_REVEALED)}</p>
    ${said.map((entry) => {
      const isOn = chosen.includes(entry.id);
      return html`<label key=${entry.id}>
        <input
          type="checkbox"
          checked=${isOn}
          disabled=${isFull && !isOn}
          onChange=${(/** @type {any} */ event) => turn(entry.id, event.currentTarget.checked)}
        />
        <span dir="auto">${excerptOf(entry)}</span>
        <time>${formats.time(entry.sentMs)}</time>
      </label>`;
    })}
  </fieldset>`;
}

/** @param {MessageEntry} entry */
function excerptOf({ content }) {
  const text = content?.kind === "text" ? content.text : "";
  return text.length > EXCERPT_CHARS ? `${text.slice(0, EXCERPT_CHARS)}…` : text;
}

/**
 * The last that somebody has said, as far as it can be proved.
 *
 * @param {import("../log.js").Log} log
 * @param {string} personId
 * @returns {MessageEntry[]} The newest first.
 */
function saidBy(log, personId) {
  const entries = log.blocks.peek().flatMap((block) => block.peek());
  const said = entries.filter(
    (entry) =>
      entry.type === "message" && entry.senderId === personId && entry.status === "received",
  );
  return /** @type {MessageEntry[]} */ (said.slice(-MAX_SHOWN).toReversed());
}
