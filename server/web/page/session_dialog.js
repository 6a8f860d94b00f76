// @ts-check
/** The session and oneself in it: name, lock, leaving. */

import { html, useState } from "../vendor/preact.js";
import { useConversation } from "./context.js";
import { NameField, problemOf } from "./name_field.js";
import { openDialog } from "./opened.js";
import { Dialog, Switch } from "./parts.js";
import { leaveSession } from "./screens.js";
import { texts } from "./texts.js";

/** @param {{close: () => void}} props */
export function SessionDialog({ close }) {
  const { session } = useConversation();
  const words = texts.session;
  const { conversation } = texts;
  return html`<${Dialog} title=${words.title} close=${close} class="session">
    <${RenameForm} />
    ${session.isCreator && html`<${LockSwitch} />`}
    <dl class="about">
      <dt>${words.history}</dt>
      <dd>${session.link.sharesHistory ? conversation.shared : conversation.unshared}</dd>
      <dt>${words.keeping}</dt>
      <dd><${Keeping} /></dd>
    </dl>
    <button class="button danger wide" onClick=${() => openDialog({ kind: "leave" })}>
      ${words.leave}
    </button>
  <//>`;
}

/** What a reload of this tab would do. */
function Keeping() {
  const { isKept } = useConversation();
  if (!isKept) return texts.conversation.unkept;
  return isKept.value ? texts.session.kept : texts.conversation.stale;
}

function RenameForm() {
  const conversation = useConversation();
  const [name, setName] = useState(conversation.session.name);
  const [problem, setProblem] = useState(/** @type {string | null} */ (null));
  const [isDone, setDone] = useState(false);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const found = problemOf(name);
    setProblem(found);
    if (found) return;
    await conversation.rename(name.trim());
    setDone(true);
  };
  const type = (/** @type {string} */ said) => {
    setName(said);
    setProblem(null);
    setDone(false);
  };
  return html`<form class="rename" novalidate onSubmit=${submit}>
    <${NameField}
      name=${name}
      set=${type}
      problem=${problem}
      hint=${isDone ? texts.session.renamed : texts.start.nameHint}
    />
    <button class="button">${texts.session.rename}</button>
  </form>`;
}

function LockSwitch() {
  const { session, isLocked } = useConversation();
  const [problem, setProblem] = useState("");
  const set = async (/** @type {boolean} */ isOn) => {
    setProblem("");
    await session.lock(isOn).catch(() => setProblem(texts.people.failed));
  };
  const { lock, lockHint } = texts.session;
  return html`<${Switch} label=${lock} hint=${lockHint} isOn=${isLocked.value} set=${set} />
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}`;
}

/** @param {{close: () => void}} props */
export function LeaveDialog({ close }) {
  const conversation = useConversation();
  const [isBusy, setBusy] = useState(false);
  const words = texts.session;
  const leave = async () => {
    setBusy(true);
    close();
    await leaveSession(conversation);
  };
  return html`<${Dialog} title=${words.leaveTitle} close=${close}>
    <p>${words.leaveText}</p>
    <div class="dialog-ways">
      <button class="button" autofocus onClick=${close}>${words.stay}</button>
      <button class="button danger solid" disabled=${isBusy} onClick=${leave}>
        ${words.leaveNow}
      </button>
    </div>
  <//>`;
}
