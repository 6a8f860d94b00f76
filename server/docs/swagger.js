// The page at /docs: Swagger UI over the document of this server.

const dark = matchMedia("(prefers-color-scheme: dark)");

function dress() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

dress();
dark.addEventListener("change", dress);
/** @type {any} */ (globalThis).SwaggerUIBundle({
  // Whole, for Swagger UI resolves the server's address in it against this one.
  url: new URL("openapi.json", document.baseURI).href,
  domNode: document.querySelector("#routes"),
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
