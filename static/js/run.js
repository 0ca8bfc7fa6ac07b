// The pages of runs, live. Without this module they are plain pages.
import { onConnection, subscribe } from "./live.js";
import { refresher } from "./refresh.js";

const AGING_MS = 30_000; // lengths of time on the page grow even when nothing happens

const refresh = refresher("run", "panel", "runs");
const run = document.getElementById("run");
const member = document.getElementById("live")?.dataset.member;
const goesOn = () => run?.dataset.over === undefined;

if (run && goesOn()) {
  subscribe(`run:${run.dataset.run}`, Number(run.dataset.number), refresh);
  setInterval(() => { if (!document.hidden && goesOn()) refresh(); }, AGING_MS);
} else if (member && document.getElementById("runs")) {
  subscribe(`inbox:${member}`, 0, refresh);
}
let cut = false;
onConnection((open) => { if (open && cut) refresh(); cut = !open; });

// The step that was opened beside the graph is the marked one.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id !== "panel") return;
  detail.target.scrollTop = 0;
  const current = detail.target.querySelector("[data-step]")?.dataset.step;
  for (const node of run.querySelectorAll(".node")) {
    if (node.id === current) node.setAttribute("aria-current", "true");
    else node.removeAttribute("aria-current");
  }
});
