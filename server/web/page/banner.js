// @ts-check
/** The state of the connection in words, where it is not as it should be. */

import { html, useEffect, useState } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { texts } from "./texts.js";

/** A connection takes a moment; only then is it worth words. */
const PATIENCE_MS = 400;

export function Banner() {
  const { standing, caughtUp, log } = useExchange();
  const { state } = standing.value;
  const isOffline = useOffline();
  const isDue = usePatience(state);
  const words = () => {
    if (state === "connected")
      return caughtUp.value === null ? "" : texts.banner.caughtUp(caughtUp.value);
    if (state === "ended" || !isDue) return "";
    if (isOffline) return texts.banner.offline;
    if (state === "catching-up")
      return texts.banner.catchingUp(log.blocks.value.length && log.length);
    return texts.banner[state];
  };
  const said = words();
  return html`<div class=${`banner is-${state} ${said ? "has-words" : ""}`} role="status">
    ${said && html`<p>${said}</p>`}
  </div>`;
}

/** @returns {boolean} Whether the browser itself says that it has no network. */
function useOffline() {
  const [isOffline, setOffline] = useState(!navigator.onLine);
  useEffect(() => {
    const look = () => setOffline(!navigator.onLine);
    addEventListener("online", look);
    addEventListener("offline", look);
    return () => {
      removeEventListener("online", look);
      removeEventListener("offline", look);
    };
  }, []);
  return isOffline;
}

/**
 * @param {string} state
 * @returns {boolean} Whether it has lasted for a moment.
 */
function usePatience(state) {
  const [lasted, setLasted] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setLasted(state), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state]);
  return lasted === state;
}
