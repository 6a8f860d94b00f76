// @ts-check
/** What somebody has pasted as a link: of which server, and to what. */

/** Of an address; `localhost:8080` has a colon too. */
const SCHEME = /^[a-z][a-z\d+.-]*:\/\//iu;

/**
 * @param {string} text A link, what stands after its `#`, or words with a link in them.
 * @param {string} pageAddress Of this page.
 * @returns {{fragment: string, elsewhere: URL | null}} What stands after the `#`; and the whole
 *   link if another server's page is to open it, so that this one must not be told of it.
 */
export function readPasted(text, pageAddress) {
  const at = text.indexOf("#");
  const fragment = text.slice(at + 1).match(/\S+/u)?.[0] ?? "";
  const address = text.slice(0, Math.max(0, at)).match(/\S+$/u)?.[0];
  if (!address) return { fragment, elsewhere: null };
  const page = new URL(pageAddress);
  const url = urlOf(SCHEME.test(address) ? address : `${page.protocol}//${address}`);
  // Where it leads is nothing that a browser could open: nobody is told of it.
  if (!url) return { fragment: "", elsewhere: null };
  const isHere = folderOf(url) === folderOf(page);
  url.hash = fragment;
  return { fragment, elsewhere: isHere ? null : url };
}

/** @param {string} address */
function urlOf(address) {
  try {
    const url = new URL(address);
    return ["https:", "http:"].includes(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/**
 * Where a server's page is: a proxy may have put several into one origin.
 *
 * @param {URL} url
 */
function folderOf(url) {
  return `${url.origin}${new URL(".", url).pathname}`;
}
