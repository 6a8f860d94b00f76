// Lets third-party code write markup, and nothing that runs: the policy of the page takes no inline
// script, and there is no policy here by which text becomes one.

const types = /** @type {any} */ (globalThis).trustedTypes;
types?.createPolicy("default", { createHTML: (/** @type {string} */ markup) => markup });
