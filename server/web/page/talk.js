// @ts-check
/** A conversation on the screen: what stands where. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { Banner } from "./banner.js";
import { Composer } from "./composer.js";
import { useConversation } from "./context.js";
import { OpenDialog } from "./dialogs.js";
import { EndedScreen, EndWays, EndWords } from "./front.js";
import { Header } from "./header.js";
import { closeDialog, openDialog } from "./opened.js";
import { PeopleList } from "./people.js";
import { StaleNote } from "./stale_note.js";
import { texts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Uploads } from "./uploads.js";
import { watchMedia } from "./viewport.js";

const WIDE = "(min-width: 62rem)";

export function Talk() {
  const conversation = useConversation();
  const { state, reason } = conversation.standing.value;
  const [isWide, setWide] = useState(false);
  const [isAsideOpen, setAsideOpen] = useState(true);
  useEffect(() => watchMedia(WIDE, setWide), []);
  const code = reason ?? "other";
  const isOver = state === "ended";
  useEffect(() => {
    if (isOver) closeDialog();
  }, [isOver]);
  if (isOver && conversation.log.length === 0) {
    return html`<${EndedScreen} code=${code} conversation=${conversation} />`;
  }
  const hasAside = isWide && isAsideOpen && !isOver;
  const showPeople = () => (isWide ? setAsideOpen(!isAsideOpen) : openDialog({ kind: "people" }));
  return html`<div class=${`talk ${hasAside ? "with-aside" : ""}`}>
    <${Header} showPeople=${showPeople} isAsideOpen=${isWide ? isAsideOpen : null} isOver=${isOver} />
    ${
      hasAside &&
      html`<aside class="aside" aria-labelledby="aside-title">
        <h2 id="aside-title">${texts.people.title}</h2>
        <${PeopleList} />
      </aside>`
    }
    <${DropZone} isOver=${isOver}>
      <${Banner} /><${StaleNote} />
      <${Timeline} />
      ${isOver ? html`<${EndPanel} code=${code} />` : html`<${Uploads} /><${Composer} />`}
    <//>
    <p class="unseen" role="status" aria-live="polite">${conversation.announcer.said}</p>
    <${OpenDialog} />
  </div>`;
}

/** @param {{code: string}} props */
function EndPanel({ code }) {
  const conversation = useConversation();
  return html`<section class="end-panel" role="alert">
    <div><${EndWords} code=${code} level=${2} /></div>
    <${EndWays} code=${code} conversation=${conversation} />
  </section>`;
}

/**
 * Files that are dropped onto the conversation are sent.
 *
 * @param {{isOver: boolean, children?: unknown}} props
 */
function DropZone({ isOver, children }) {
  const conversation = useConversation();
  const [isAbove, setAbove] = useState(false);
  const hasFiles = (/** @type {DragEvent} */ event) =>
    !isOver && Boolean(event.dataTransfer?.types.includes("Files"));
  const drag = (/** @type {DragEvent} */ event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setAbove(true);
  };
  const leave = (/** @type {DragEvent} */ event) => {
    const zone = /** @type {HTMLElement} */ (event.currentTarget);
    if (!zone.contains(/** @type {Node | null} */ (event.relatedTarget))) setAbove(false);
  };
  const drop = (/** @type {DragEvent} */ event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setAbove(false);
    conversation.sendFiles(event.dataTransfer?.files ?? []);
  };
  return html`<main class="talk-main" onDragOver=${drag} onDragLeave=${leave} onDrop=${drop}>
    ${children}
    ${isAbove && html`<div class="drop-here" aria-hidden="true">${texts.conversation.drop}</div>`}
  </main>`;
}
