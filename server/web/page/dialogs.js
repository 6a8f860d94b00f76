// @ts-check
/** The one dialog that is open, if any. Each is loaded when it is first wanted. */

import { html } from "../vendor/preact.js";
import { lazy } from "./lazy.js";
import { closeDialog, opened } from "./opened.js";

const VIEWS = {
  invite: lazy(() => import("./invite.js").then(({ InviteDialog }) => InviteDialog)),
  leave: lazy(() => import("./session_dialog.js").then(({ LeaveDialog }) => LeaveDialog)),
  people: lazy(() => import("./person_dialogs.js").then(({ PeopleDialog }) => PeopleDialog)),
  picture: lazy(() => import("./picture_dialog.js").then(({ PictureDialog }) => PictureDialog)),
  remove: lazy(() => import("./person_dialogs.js").then(({ RemoveDialog }) => RemoveDialog)),
  safety: lazy(() => import("./safety.js").then(({ SafetyDialog }) => SafetyDialog)),
  session: lazy(() => import("./session_dialog.js").then(({ SessionDialog }) => SessionDialog)),
};

/** Draws it. */
export function OpenDialog() {
  const shown = opened.value;
  if (!shown) return null;
  const { View } = VIEWS[shown.kind];
  return html`<${View} key=${shown.kind} ...${shown} close=${closeDialog} />`;
}
