// @ts-check
/** What several views are made of. */

import { html, useEffect, useRef } from "../vendor/preact.js";
import { Icon } from "./icons.js";
import { texts } from "./texts.js";

/**
 * @typedef {import("./crowd.js").PersonView} PersonView
 * @typedef {import("./icons.js").IconName} IconName
 */

/**
 * A button with a sign and no words to be seen.
 *
 * @param {{icon: IconName, label: string, onClick?: () => void, class?: string, type?: string, disabled?: boolean}} props
 */
export function IconButton({ icon, label, onClick, class: kind = "", type = "button", disabled }) {
  return html`<button
    type=${type}
    class=${`icon-button ${kind}`}
    aria-label=${label}
    title=${label}
    disabled=${disabled}
    onClick=${onClick}
  >
    <${Icon} name=${icon} />
  </button>`;
}

/** @param {{person: PersonView}} props */
export function Avatar({ person }) {
  return html`<span class=${`avatar hue-${person.hue}`} aria-hidden="true">${person.initial}</span>`;
}

/**
 * Somebody's name, with what tells them apart from others of that name.
 *
 * @param {{person: PersonView}} props
 */
export function Name({ person }) {
  return html`<span class="name"
    ><bdi>${person.name}</bdi>${
      person.marker && html` <span class="marker">${person.marker}</span>`
    }${
      person.isVerified &&
      html`<span class="verified" title=${texts.people.verified}
        ><${Icon} name="verified" /><span class="unseen">${texts.people.verified}</span></span
      >`
    }</span
  >`;
}

/**
 * A dialog over everything; Escape and a click beside it close it. The browser gives the focus back.
 *
 * @param {{title: string, close: () => void, children?: unknown, class?: string}} props
 */
export function Dialog({ title, close, children, class: kind = "" }) {
  const box = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const isGone = useRef(false);
  useEffect(() => {
    const opened = box.current;
    opened?.showModal();
    return () => {
      isGone.current = true;
      opened?.close();
    };
  }, []);
  // What another dialog has taken the place of has nothing more to close.
  const closed = () => isGone.current || close();
  const beside = (/** @type {MouseEvent} */ event) =>
    event.target === box.current && box.current?.close();
  return html`<dialog
    ref=${box}
    class=${`dialog ${kind}`}
    aria-labelledby="dialog-title"
    onClose=${closed}
    onClick=${beside}
  >
    <div class="dialog-body">
      <header class="dialog-head">
        <h2 id="dialog-title">${title}</h2>
        <${IconButton} icon="cross" label=${texts.close} onClick=${() => box.current?.close()} />
      </header>
      ${children}
    </div>
  </dialog>`;
}

/**
 * @param {{label: string, hint?: string, isOn: boolean, set: (isOn: boolean) => void, disabled?: boolean}} props
 */
export function Switch({ label, hint, isOn, set, disabled }) {
  return html`<label class="switch">
    <input
      type="checkbox"
      role="switch"
      checked=${isOn}
      disabled=${disabled}
      onChange=${(/** @type {any} */ event) => set(event.currentTarget.checked)}
    />
    <span class="switch-text"
      >${label}${hint && html`<small class="hint">${hint}</small>`}</span
    >
  </label>`;
}
