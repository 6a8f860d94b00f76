// @ts-check
/** A session on the screen: what stands where. */

import { html, useState } from "../vendor/preact.js";
import { Banner } from "./banner.js";
import { Beginning } from "./beginning.js";
import { Composer } from "./composer.js";
import { useConversation } from "./context.js";
import { Frame } from "./frame.js";
import { EndedScreen, EndWays, EndWords } from "./front.js";
import { Header } from "./header.js";
import { lazy } from "./lazy.js";
import { MemberList } from "./member_list.js";
import { StaleNote } from "./stale_note.js";
import { texts } from "./texts.js";
import { Timeline } from "./timeline.js";
import { Uploads } from "./uploads.js";

const VIEWS = {
  invite: lazy(() => import("./invite.js").then(({ InviteDialog }) => InviteDialog)),
  leave: lazy(() => import("./session_dialog.js").then(({ LeaveDialog }) => LeaveDialog)),
  people: lazy(() => import("./person_dialogs.js").then(({ PeopleDialog }) => PeopleDialog)),
  picture: lazy(() => import("./picture_dialog.js").then(({ PictureDialog }) => PictureDialog)),
  remove: lazy(() => import("./person_dialogs.js").then(({ RemoveDialog }) => RemoveDialog)),
  safety: lazy(() => import("./safety.js").then(({ SafetyDialog }) => SafetyDialog)),
  session: lazy(() => import("./session_dialog.js").then(({ SessionDialog }) => SessionDialog)),
};

export function Talk() {
  const conversation = useConversation();
  const { state, reason } = conversation.standing.value;
  const code = reason ?? "other";
  const isOver = state === "ended";
  if (isOver && conversation.log.length === 0) {
    return html`<${EndedScreen} code=${code} conversation=${conversation} />`;
  }
  return html`<${Frame} Head=${Header} People=${MemberList} views=${VIEWS}>
    <${DropZone} isOver=${isOver}>
      <${Banner} /><${StaleNote} />
      <${Timeline}><${Beginning} /><//>
      ${isOver ? html`<${EndPanel} code=${code} />` : html`<${Uploads} /><${Composer} />`}
    <//>
  <//>`;
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
