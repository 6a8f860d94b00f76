// @ts-check
/** The page: begins by what its address asks for. */

import { html, render } from "../vendor/preact.js";
import { ConversationContext } from "./context.js";
import { ElsewhereScreen, EndedScreen, InvitedScreen, StartScreen } from "./front.js";
import { Sign } from "./icons.js";
import { lazy } from "./lazy.js";
import { openAddress, prepare, screen } from "./screens.js";
import { followKeyboard } from "./viewport.js";

const talk = lazy(() => import("./talk.js").then(({ Talk }) => Talk));
const stay = lazy(() => import("./strangers/stay.js").then(({ Stay }) => Stay));

function Page() {
  const shown = screen.value;
  if (shown.at === "start") return html`<${StartScreen} note=${shown.note} />`;
  if (shown.at === "invited") return html`<${InvitedScreen} link=${shown.link} />`;
  if (shown.at === "elsewhere") return html`<${ElsewhereScreen} address=${shown.address} />`;
  if (shown.at === "ended") return html`<${EndedScreen} code=${shown.code} />`;
  if (shown.at === "loading") {
    return html`<main class="loading"><${Sign} /><p role="status">${shown.words}</p></main>`;
  }
  if (shown.at === "strangers") return html`<${stay.View} visit=${shown.visit} />`;
  return html`<${ConversationContext.Provider} value=${shown.conversation}>
    <${talk.View} key=${shown.conversation.session.id} />
  <//>`;
}

followKeyboard();
// Another link in the same tab is another session.
addEventListener("hashchange", () => location.reload());
render(html`<${Page} />`, /** @type {HTMLElement} */ (document.getElementById("page")));
// What the conversation needs comes while a name is being typed.
void openAddress().then(() => {
  talk.begin();
  prepare().catch(() => {}); // That is told when it is needed.
});
