// The pages of runs, live. Without this module they are plain pages.
import { subscribe } from "./live.js";
import { refresher } from "./refresh.js";

const AGING_MS = 30_000; // lengths of time on the page grow even when nothing happens
const COPIED_MS = 1_500;
const SMALLEST = 0.05; // below this a graph is a smear

const fetchAgain = refresher("run", "panel", "runs");
const run = document.getElementById("run");
const member = document.getElementById("live")?.dataset.member;
const goesOn = () => run?.dataset.over === undefined;
// Runs that a person has ticked stay ticked until they have done something with them.
const refresh = () => { if (!document.querySelector("#runs [name=run]:checked")) fetchAgain(); };

if (run && goesOn()) {
  subscribe(`run:${run.dataset.run}`, Number(run.dataset.number), refresh);
  setInterval(() => { if (!document.hidden && goesOn()) refresh(); }, AGING_MS);
} else if (member && document.getElementById("runs")) {
  subscribe(`inbox:${member}`, 0, refresh);
}

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

// What only works with this module is shown by it. A graph that was fitted, or scrolled, stays so when the page is
// brought up to date.
let fitted = false;
const scrolled = { left: 0, top: 0 };
const fit = () => {
  const plane = run.querySelector(".graph__plane");
  if (!plane) return;
  plane.style.zoom = "";
  const ratio = plane.parentElement.clientWidth / plane.scrollWidth;
  if (fitted) plane.style.zoom = String(Math.max(SMALLEST, Math.min(1, ratio)));
  run.querySelector("[data-fit]")?.setAttribute("aria-pressed", String(fitted));
};
const enhance = () => {
  for (const button of run.querySelectorAll("[data-fit], [data-copy]")) button.hidden = false;
  const graph = run.querySelector(".canvas .graph");
  if (!graph) return;
  fit();
  graph.scrollTo(scrolled);
  graph.addEventListener("scroll", () => {
    scrolled.left = graph.scrollLeft;
    scrolled.top = graph.scrollTop;
  }, { passive: true });
};
if (run) {
  enhance();
  new MutationObserver(enhance).observe(run, { childList: true });
  const current = run.querySelector('.canvas .node[aria-current="true"]');
  const graph = current?.closest(".graph");
  if (graph && graph.scrollHeight + graph.scrollWidth > graph.clientHeight + graph.clientWidth) {
    const [node, frame] = [current.getBoundingClientRect(), graph.getBoundingClientRect()];
    graph.scrollBy(node.left - frame.left - frame.width / 2, node.top - frame.top - frame.height / 2);
  }
  run.addEventListener("click", async ({ target }) => {
    if (target.closest("[data-fit]")) {
      fitted = !fitted;
      fit();
    }
    const copy = target.closest("[data-copy]");
    if (!copy) return;
    await navigator.clipboard.writeText(copy.dataset.copy);
    const use = copy.querySelector("use");
    use.setAttribute("href", "#i-check");
    setTimeout(() => use.setAttribute("href", "#i-copy"), COPIED_MS);
  });
}
