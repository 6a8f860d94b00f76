// @ts-check
/** Where things of a relay are: a proxy may have put it into a folder. */

/**
 * @param {string} url Of the relay, or of the folder that it is in.
 * @param {string} path Of something in it, without a slash at the beginning.
 */
export function addressIn(url, path) {
  return new URL(path, url.endsWith("/") ? url : `${url}/`);
}
