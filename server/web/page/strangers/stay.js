// @ts-check
/** A group of strangers on the screen: what stands where. */

import { html, useEffect } from "../../vendor/preact.js";
import { Banner } from "../banner.js";
import { Composer } from "../composer.js";
import { ConversationContext } from "../context.js";
import { Frame } from "../frame.js";
import { Icon } from "../icons.js";
import { lazy } from "../lazy.js";
import { Timeline } from "../timeline.js";
import { useGroupTalk, useVisit, VisitContext } from "./context.js";
import { EndPanel } from "./end.js";
import { GroupHeader } from "./header.js";
import { StrangerList } from "./list.js";
import { texts } from "./texts.js";

const dialogs = () => import("./dialogs.js");

const PROBLEM_MS = 10_000;

const VIEWS = {
  group: lazy(() => import("./group_dialog.js").then(({ GroupDialog }) => GroupDialog)),
  leave: lazy(() => dialogs().then(({ LeaveDialog }) => LeaveDialog)),
  next: lazy(() => dialogs().then(({ NextDialog }) => NextDialog)),
  people: lazy(() => dialogs().then(({ StrangersDialog }) => StrangersDialog)),
  report: lazy(() => import("./report.js").then(({ ReportDialog }) => ReportDialog)),
  safety: lazy(() => import("../safety.js").then(({ SafetyDialog }) => SafetyDialog)),
  trust: lazy(() => dialogs().then(({ TrustDialog }) => TrustDialog)),
};

/** @param {{visit: import("./visit.js").Visit}} props */
export function Stay({ visit }) {
  const talk = visit.talk.value;
  return html`<${VisitContext.Provider} value=${visit}>
    <${ConversationContext.Provider} value=${talk}>
      <${GroupView} key=${talk?.group.id} />
    <//>
  <//>`;
}

function GroupView() {
  const { standing } = useGroupTalk();
  const isOver = standing.value.state === "ended";
  return html`<${Frame} Head=${GroupHeader} People=${StrangerList} views=${VIEWS}>
    <main class="talk-main">
      <${Banner} />
      <${Problem} />
      <${Timeline}><${Beginning} /><//>
      ${isOver ? html`<${EndPanel} />` : html`<${Composer} />`}
    </main>
  <//>`;
}

/** What was wanted and could not be done; said for a while. */
function Problem() {
  const { problem } = useVisit();
  const code = problem.value;
  useEffect(() => {
    const timer = setTimeout(() => {
      problem.value = null;
    }, PROBLEM_MS);
    return () => clearTimeout(timer);
  }, [code]);
  if (!code) return null;
  return html`<div class="banner is-reconnecting" role="alert">
    <p>${texts.problems[code] ?? texts.problems.other}</p>
  </div>`;
}

/** What one has to know before the first word. */
function Beginning() {
  const { crowd, standing } = useGroupTalk();
  const isOver = standing.value.state === "ended";
  const isAlone =
    !isOver && crowd.people.value.every(({ isYou, isPresent }) => isYou || !isPresent);
  const { beginning } = texts;
  return html`<section class="beginning">
    <span class="beginning-sign"><${Icon} name="strangers" /></span>
    <h2>${isAlone ? beginning.alone : beginning.title}</h2>
    <p>${isAlone ? beginning.wait : beginning.sealed}</p>
    <p>${beginning.honest}</p>
  </section>`;
}
