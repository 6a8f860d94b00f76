// @ts-check
/** The frame of a talk: its head, its people beside it where there is room, and one dialog over all. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { OpenDialog } from "./dialogs.js";
import { closeDialog, openDialog } from "./opened.js";
import { texts } from "./texts.js";
import { watchMedia } from "./viewport.js";

const WIDE = "(min-width: 62rem)";

/**
 * What the head has to know of the frame.
 *
 * @typedef {object} HeadProps
 * @property {() => void} showPeople
 * @property {boolean | null} isAsideOpen Null where there is no room for people beside the talk.
 * @property {boolean} isOver
 */

/**
 * @param {{Head: (props: HeadProps) => any, People: () => any, views: import("./dialogs.js").Views, children?: unknown}} props
 */
export function Frame({ Head, People, views, children }) {
  const { standing, announcer } = useExchange();
  const [isWide, setWide] = useState(false);
  const [isAsideOpen, setAsideOpen] = useState(true);
  useEffect(() => watchMedia(WIDE, setWide), []);
  const isOver = standing.value.state === "ended";
  useEffect(() => {
    if (isOver) closeDialog();
  }, [isOver]);
  const hasAside = isWide && isAsideOpen && !isOver;
  const showPeople = () => (isWide ? setAsideOpen(!isAsideOpen) : openDialog({ kind: "people" }));
  return html`<div class=${`talk ${hasAside ? "with-aside" : ""}`}>
    <${Head} showPeople=${showPeople} isAsideOpen=${isWide ? isAsideOpen : null} isOver=${isOver} />
    ${
      hasAside &&
      html`<aside class="aside" aria-labelledby="aside-title">
        <h2 id="aside-title">${texts.people.title}</h2>
        <${People} />
      </aside>`
    }
    ${children}
    <p class="unseen" role="status" aria-live="polite">${announcer.said}</p>
    <${OpenDialog} views=${views} />
  </div>`;
}
