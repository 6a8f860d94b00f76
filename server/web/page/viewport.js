// @ts-check
/** The part of the window that is free of an on-screen keyboard, where the browser does not tell CSS. */

export function followKeyboard() {
  const { visualViewport } = globalThis;
  if (!visualViewport) return;
  const measure = () => {
    const hidden = Math.max(0, innerHeight - visualViewport.height * visualViewport.scale);
    document.documentElement.style.setProperty("--keyboard", `${Math.round(hidden)}px`);
  };
  visualViewport.addEventListener("resize", measure);
  measure();
}

/**
 * Whether a media condition holds, now and later.
 *
 * @param {string} condition
 * @param {(holds: boolean) => void} told
 * @returns {() => void} Ends it.
 */
export function watchMedia(condition, told) {
  const query = matchMedia(condition);
  const tell = () => told(query.matches);
  query.addEventListener("change", tell);
  tell();
  return () => query.removeEventListener("change", tell);
}
