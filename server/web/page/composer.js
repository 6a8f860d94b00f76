// @ts-check
/** Where one writes: to everybody, or to one. */

import { MAX_TEXT_CHARS } from "../client/entries.js";
import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { useConversation, useExchange } from "./context.js";
import { Icon } from "./icons.js";
import { IconButton } from "./parts.js";
import { texts } from "./texts.js";

export function Composer() {
  const conversation = useExchange();
  const [text, setText] = useState("");
  const field = useRef(/** @type {HTMLTextAreaElement | null} */ (null));
  useEffect(() => {
    // Elsewhere it would bring up a keyboard over half of the screen.
    if (matchMedia("(pointer: fine)").matches) field.current?.focus();
  }, []);
  const audience = conversation.audience.value;
  const reader = audience ? conversation.crowd.person(audience) : null;
  const isGone = Boolean(reader && (!reader.isPresent || reader.isRemoved));
  const excess = [...text].length - MAX_TEXT_CHARS;
  const canSend = text.trim() !== "" && excess <= 0 && !isGone;
  const send = () => {
    if (!canSend) return;
    conversation.say(text);
    setText("");
    field.current?.focus();
  };
  const write = (/** @type {string} */ said) => {
    setText(said);
    conversation.setTyping(said !== "");
  };
  const problem = problemWith(isGone, excess);
  return html`<form
    class=${`composer ${audience ? "private" : ""}`}
    onSubmit=${(/** @type {Event} */ event) => {
      event.preventDefault();
      send();
    }}
  >
    ${conversation.hasPrivate && html`<${Recipient} />`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <div class="composer-line">
      ${conversation.attachments && html`<${AttachButton} />`}
      <${TextField} field=${field} text=${text} write=${write} send=${send} reader=${reader} />
      <${IconButton}
        icon="send"
        class="send"
        type="submit"
        label=${texts.composer.send}
        disabled=${!canSend}
      />
    </div>
  </form>`;
}

/**
 * @param {boolean} isGone
 * @param {number} excess
 */
function problemWith(isGone, excess) {
  if (isGone) return texts.composer.gone;
  return excess > 0 ? texts.composer.tooLong(excess) : null;
}

/**
 * @param {{field: {current: HTMLTextAreaElement | null}, text: string, write: (text: string) => void, send: () => void, reader: import("./crowd.js").PersonView | null}} props
 */
function TextField({ field, text, write, send, reader }) {
  const conversation = useConversation();
  const hasFiles = conversation.attachments !== null;
  const { composer } = texts;
  const press = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    send();
  };
  const paste = (/** @type {ClipboardEvent} */ event) => {
    const files = event.clipboardData?.files;
    if (!files?.length || !hasFiles) return;
    event.preventDefault();
    conversation.sendFiles(files);
  };
  // Where the browser does not let a field grow with its content, this does.
  const rows = Math.min(8, text.split("\n").length);
  return html`<textarea
    ref=${field}
    class="composer-text"
    rows=${rows}
    dir="auto"
    enterkeyhint="send"
    aria-label=${composer.label}
    aria-description=${composer.hint}
    placeholder=${reader ? composer.privatePlaceholder(reader.label) : composer.placeholder}
    value=${text}
    onInput=${(/** @type {any} */ event) => write(event.currentTarget.value)}
    onKeyDown=${press}
    onPaste=${paste}
  ></textarea>`;
}

function AttachButton() {
  const conversation = useConversation();
  const chooser = useRef(/** @type {HTMLInputElement | null} */ (null));
  const chosen = (/** @type {any} */ event) => {
    const input = /** @type {HTMLInputElement} */ (event.currentTarget);
    conversation.sendFiles([...(input.files ?? [])]);
    input.value = ""; // The same file may be chosen again.
  };
  return html`<${IconButton}
      icon="attach"
      label=${texts.composer.attach}
      onClick=${() => chooser.current?.click()}
    />
    <input
      ref=${chooser}
      type="file"
      multiple
      hidden
      aria-label=${texts.composer.attach}
      onChange=${chosen}
    />`;
}

/** For whom it is; not asked where there is only one other. */
function Recipient() {
  const conversation = useConversation();
  const audience = conversation.audience.value;
  const { readers } = conversation.crowd;
  if (readers.length < 2 && !audience) return null;
  const isListed = readers.some(({ id }) => id === audience);
  const absent = audience && !isListed ? [conversation.crowd.person(audience)] : [];
  const choose = (/** @type {any} */ event) => {
    conversation.setTyping(false);
    conversation.audience.value = event.currentTarget.value || null;
  };
  return html`<label class="recipient">
    <${Icon} name=${audience ? "private" : "people"} />
    <span>${texts.composer.to}</span>
    <select aria-label=${texts.composer.to} value=${audience ?? ""} onChange=${choose}>
      <option value="">${texts.composer.everybody}</option>
      ${[...readers, ...absent].map(
        ({ id, label }) =>
          html`<option key=${id} value=${id}>${texts.composer.only(label)}</option>`,
      )}
    </select>
  </label>`;
}
