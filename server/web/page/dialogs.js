// @ts-check
/** The one dialog that is open, if any. */

import { html } from "../vendor/preact.js";
import { InviteDialog } from "./invite.js";
import { closeDialog, opened } from "./opened.js";
import { PeopleDialog, RemoveDialog } from "./people.js";
import { PictureDialog } from "./picture_dialog.js";
import { SafetyDialog } from "./safety.js";
import { LeaveDialog, SessionDialog } from "./session_dialog.js";

/** Draws it. */
export function OpenDialog() {
  const shown = opened.value;
  if (!shown) return null;
  const View = VIEWS[shown.kind];
  return html`<${View} key=${shown.kind} ...${shown} close=${closeDialog} />`;
}

/** @type {Record<string, any>} */
const VIEWS = {
  invite: InviteDialog,
  leave: LeaveDialog,
  people: PeopleDialog,
  picture: PictureDialog,
  remove: RemoveDialog,
  safety: SafetyDialog,
  session: SessionDialog,
};
