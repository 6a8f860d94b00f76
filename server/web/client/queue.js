// @ts-check
/** Work in order, in slices: whoever is flooded can still scroll and type. */

const SLICE_MS = 8;

/** @template Item */
export class WorkQueue {
  #handle;
  /** @type {Item[]} */
  #items = [];
  #isRunning = false;

  /** @param {(item: Item) => void | Promise<void>} handle Raises nothing. */
  constructor(handle) {
    this.#handle = handle;
  }

  /** @param {Item[]} items */
  put(...items) {
    for (const item of items) this.#items.push(item);
    if (!this.#isRunning) void this.#run();
  }

  clear() {
    this.#items = [];
  }

  async #run() {
    this.#isRunning = true;
    while (this.#items.length > 0) {
      const items = this.#items;
      this.#items = [];
      await this.#handleAll(items);
    }
    this.#isRunning = false;
  }

  /** @param {Item[]} items */
  async #handleAll(items) {
    let sliceEnd = performance.now() + SLICE_MS;
    for (const item of items) {
      await this.#handle(item);
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
  }
}

/** Let the browser draw and hear its user. A timer would be slowed down in a hidden tab. */
function nextTurn() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve(undefined);
    };
    port2.postMessage(null);
  });
}
