// @ts-check
/** Events of an object, by name. */

/**
 * @template {Record<string, any>} Events Of each name, what its listeners are told.
 */
export class Emitter {
  /** @type {Map<keyof Events, Set<(told: any) => void>>} */
  #listeners = new Map();

  /**
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(told: Events[Name]) => void} listener
   * @returns {() => void} Ends it.
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * @protected
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} told
   */
  emit(name, told) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(told);
      } catch (error) {
        reportLater(error); // A listener's mistake is not the teller's: nothing else may suffer.
      }
    }
  }
}

/**
 * Let an error be seen as one that nobody has caught.
 *
 * @param {unknown} error
 */
export function reportLater(error) {
  queueMicrotask(() => {
    throw error;
  });
}
