/** A TCP connection that can be cut, and held, between clients and a server. */

import { connect, createServer } from "node:net";

export class Cable {
  /** @type {Set<{near: import("node:net").Socket, far: import("node:net").Socket}>} */
  #pairs = new Set();
  #isCut = false;
  #server;
  url = "";

  /** @param {string} url Of the server. */
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.#server = createServer((near) => {
      if (this.#isCut) return near.destroy();
      this.#join(near, connect(Number(port), hostname));
    });
  }

  /**
   * @param {import("node:test").TestContext} t
   * @param {string} url
   */
  static async lay(t, url) {
    const cable = new Cable(url);
    await new Promise((resolve) => cable.#server.listen(0, "127.0.0.1", () => resolve(null)));
    cable.url = `http://127.0.0.1:${/** @type {any} */ (cable.#server.address()).port}`;
    t.after(() => {
      cable.cut();
      cable.#server.close();
    });
    return cable;
  }

  /** Break all connections; nobody gets through until `mend`. */
  cut() {
    this.#isCut = true;
    for (const { near, far } of this.#pairs) {
      near.destroy();
      far.destroy();
    }
    this.#pairs.clear();
  }

  mend() {
    this.#isCut = false;
  }

  /** From now on the server hears its clients, and they hear nothing of it. */
  deafen() {
    for (const { near, far } of this.#pairs) {
      far.unpipe(near);
      far.resume();
    }
  }

  /**
   * @param {import("node:net").Socket} near
   * @param {import("node:net").Socket} far
   */
  #join(near, far) {
    const pair = { near, far };
    this.#pairs.add(pair);
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ]) {
      one.setNoDelay(true);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        other.destroy();
        this.#pairs.delete(pair);
      });
    }
  }
}
