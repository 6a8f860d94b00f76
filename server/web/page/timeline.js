// @ts-check
/** The list of what was said, in blocks of which the browser draws those in view. */

import { effect, html, useEffect, useLayoutEffect, useRef } from "../vendor/preact.js";
import { useExchange } from "./context.js";
import { Icon } from "./icons.js";
import { Row } from "./row.js";
import { texts } from "./texts.js";

const NEAR_END_PX = 48;

/** @typedef {import("./log.js").Block} Block */

/** @param {{children?: unknown}} props What one has to know before the first word. */
export function Timeline({ children }) {
  const { log, reading } = useExchange();
  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  useEndInView(scroller, reading);
  const blocks = log.blocks.value;
  return html`<div class="timeline-frame">
    <section
      ref=${scroller}
      class="timeline"
      role="log"
      aria-live="off"
      aria-label=${texts.conversation.label}
      tabindex="0"
    >
      <div class="timeline-inner">
        ${children}
        ${blocks.map(
          (block, index) =>
            html`<${BlockView} key=${index} block=${block} before=${blocks[index - 1]} />`,
        )}
        <${Typing} />
      </div>
    </section>
    <${JumpButton} scroller=${scroller} />
  </div>`;
}

/** @param {{block: Block, before?: Block}} props */
function BlockView({ block, before }) {
  const { reading } = useExchange();
  const entries = block.value;
  const last = before?.value.at(-1);
  const fresh = reading.divider.value;
  return html`<div class="block">
    ${entries.map(
      (entry, index) =>
        html`<${Row}
          key=${entry.id}
          entry=${entry}
          before=${entries[index - 1] ?? last}
          isFresh=${entry.id === fresh}
        />`,
    )}
  </div>`;
}

function Typing() {
  const { crowd } = useExchange();
  const names = crowd.typing.value;
  const { typing, manyTyping } = texts.conversation;
  const words = names.length > 3 ? manyTyping : typing(names.join(", "), names.length);
  return html`<p class=${`typing ${names.length ? "is-shown" : ""}`}>
    ${
      names.length > 0 &&
      html`<span class="typing-dots" aria-hidden="true"><i></i><i></i><i></i></span>
        <span>${words}</span>`
    }
  </p>`;
}

/** @param {{scroller: {current: HTMLElement | null}}} props */
function JumpButton({ scroller }) {
  const { reading } = useExchange();
  const unread = reading.unread.value;
  const jump = () => {
    scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
    scroller.current?.focus({ preventScroll: true });
  };
  if (reading.isAtEnd.value) return null;
  return html`<button class="jump" onClick=${jump}>
    <${Icon} name="down" />
    ${
      unread > 0
        ? html`<span>${texts.conversation.latestCount(unread)}</span>`
        : html`<span class="unseen">${texts.conversation.latest}</span>`
    }
  </button>`;
}

/**
 * Whoever is at the end stays there, whatever comes and grows; whoever reads further up is left in peace.
 *
 * @param {{current: HTMLElement | null}} scroller
 * @param {import("./reading.js").Reading} reading
 */
function useEndInView(scroller, reading) {
  useLayoutEffect(() => {
    const box = /** @type {HTMLElement} */ (scroller.current);
    const stay = () => {
      if (reading.isAtEnd.peek()) box.scrollTop = box.scrollHeight;
    };
    let top = box.scrollTop;
    const look = () => {
      const isUp = box.scrollTop < top;
      top = box.scrollTop;
      const isAtEnd = box.scrollHeight - top - box.clientHeight < NEAR_END_PX;
      // What has grown below meanwhile is nothing from which the reader has gone away.
      if (isAtEnd || isUp) reading.setAtEnd(isAtEnd);
      else stay();
    };
    const jump = () => {
      if (reading.answers.value === 0) return;
      box.scrollTop = box.scrollHeight;
      reading.isAtEnd.value = true;
    };
    const sizes = new ResizeObserver(stay);
    const endJumps = effect(jump);
    sizes.observe(box);
    sizes.observe(/** @type {Element} */ (box.firstElementChild));
    box.addEventListener("scroll", look, { passive: true });
    return () => {
      endJumps();
      sizes.disconnect();
      box.removeEventListener("scroll", look);
    };
  }, []);
  useEffect(() => reading.look(), []);
}
