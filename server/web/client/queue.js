// @ts-check
/** Work in order, in slices: whoever is flooded can still scroll and type. */

import { reportLater } from "./emitter.js";

const SLICE_MS = 8;

/** @template Item */
export class WorkQueue {
  #handle;
  /** @type {{item: Item, weight: number}[]} */
  #items = [];
  #next = 0;
  #isRunning = false;

  /** What waits weighs so much. */
  weight = 0;

  /** @param {(item: Item) => void | Promise<void>} handle */
  constructor(handle) {
    this.#handle = handle;
  }

  /**
   * @param {Item} item
   * @param {number} [weight]
   */
  put(item, weight = 0) {
    this.#items.push({ item, weight });
    this.weight += weight;
    if (!this.#isRunning) void this.#run();
  }

  clear() {
    this.#items = [];
    this.#next = 0;
    this.weight = 0;
  }

  async #run() {
    this.#isRunning = true;
    let sliceEnd = performance.now() + SLICE_MS;
    while (this.#next < this.#items.length) {
      const { item, weight } = this.#items[this.#next++];
      this.weight -= weight;
      try {
        await this.#handle(item);
      } catch (error) {
        reportLater(error); // One that goes wrong must not end all that come after it.
      }
      if (performance.now() < sliceEnd) continue;
      this.#items = this.#items.slice(this.#next);
      this.#next = 0;
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    this.clear();
    this.#isRunning = false;
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
