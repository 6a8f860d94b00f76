// The page at /redoc: ReDoc over the document of this server.

const FONT = "system-ui, sans-serif";
const MONOSPACE = "ui-monospace, monospace";

/** @type {any} */ (globalThis).Redoc.init(
  new URL("openapi.json", document.baseURI).href,
  {
    // Its search runs in a worker made of a text, which the policy of the page forbids; browsers
    // search a page themselves.
    disableSearch: true,
    hideDownloadButtons: true,
    theme: {
      colors: { primary: { main: "#1b6e60" } },
      typography: {
        fontFamily: FONT,
        headings: { fontFamily: FONT },
        code: { fontFamily: MONOSPACE },
      },
      codeBlock: { backgroundColor: "#111716" },
      rightPanel: { backgroundColor: "#1f2826" },
    },
  },
  document.querySelector("#routes"),
);
