// The turns of a conversation: put in their place, replaced when they change, growing while they are written.
import { fragment } from "./chat-http.js";
import { subscribe } from "./live.js";

const NEAR_END_PX = 80; // this close to the end, the person follows what comes
const TOGETHER_MS = 60; // events of a run come in bursts
const AGAIN_MS = 1_500;
const OCCUPIED_MS = 3_000;
const SLOW_MS = 12_000; // until then a worker that is busy is normal

const scroller = document.getElementById("scroll");
const root = document.getElementById("turns");
const toEnd = document.getElementById("to-end");
const typing = document.getElementById("typing");
const composer = document.getElementById("composer");
const loads = new Map(); // message id -> {again, held: frames}
const timers = new Map();
const runs = new Map(); // run id -> unsubscribe

const turnOf = (id) => document.getElementById(`turn-${id}`);
const all = () => [...root.querySelectorAll("[data-turn]")];
const length = (text) => [...text].length; // the server counts characters, not UTF-16 units

// Scrolling -----------------------------------------------------------------------------------------------------
export const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;

export const goToEnd = () => {
  scroller.scrollTop = scroller.scrollHeight;
  toEnd.hidden = true;
};

const following = (change) => {
  const follow = atEnd();
  change();
  think();
  if (follow) goToEnd();
  else toEnd.hidden = atEnd();
};

// What is shown ---------------------------------------------------------------------------------------------------
const position = (element) => Number(element.dataset.position ?? Infinity);

const opened = (element) => [...element.querySelectorAll("details")].map((details) => details.open);

// Whether somebody is in the middle of something in there: a reason half written, a question open.
const occupied = (element) => element.querySelector("dialog[open]") !== null
  || [...element.querySelectorAll("textarea, input:not([type=hidden])")].some((one) => one.value !== one.defaultValue);

const exchange = (old, fresh) => {
  const open = opened(old);
  const focus = old.contains(document.activeElement) ? document.activeElement : null;
  old.replaceWith(fresh);
  for (const [index, details] of [...fresh.querySelectorAll("details")].entries()) {
    if (index in open) details.open = open[index];
  }
  if (!focus) return;
  const same = focus.id ? document.getElementById(focus.id) : null;
  const next = same ?? fresh.querySelector("a[href], button") ?? scroller;
  next.focus({ preventScroll: true });
};

const put = (fresh) => {
  const client = fresh.dataset.client;
  const old = turnOf(fresh.dataset.turn) ?? (client && root.querySelector(`[data-client="${CSS.escape(client)}"]`));
  if (old) exchange(old, fresh);
  else root.insertBefore(fresh, all().find((other) => position(other) > position(fresh)) ?? null);
  window.htmx?.process(fresh);
  followRuns(fresh);
};

const putStrip = (fresh) => {
  const strip = document.getElementById("strip");
  if (fresh && !strip.isEqualNode(fresh)) strip.replaceWith(fresh);
};

// A message of the person's that nobody has answered yet.
let slow;
const think = () => {
  const last = all().at(-1);
  const waits = last?.classList.contains("turn--me") && ["sent", "delivered"].includes(last.dataset.state);
  if (!waits) {
    clearTimeout(slow);
    slow = undefined;
    typing.classList.remove("typing--on");
    typing.textContent = "";
  } else if (slow === undefined) {
    typing.classList.add("typing--on");
    typing.textContent = typing.dataset.thinking;
    slow = setTimeout(() => { typing.textContent = typing.dataset.slow; }, SLOW_MS);
  }
};

export const elsewhere = (on) => {
  if (slow !== undefined) return;
  typing.textContent = on ? typing.dataset.elsewhere : "";
};

// The person's own ------------------------------------------------------------------------------------------------
export const status = (element, state) => {
  element.dataset.state = state;
  const words = document.querySelector(`template[data-status-of="${state}"]`);
  if (words) element.querySelector("[data-status]").replaceChildren(words.content.cloneNode(true));
  think();
};

export const mine = (client) => root.querySelector(`[data-client="${CSS.escape(client)}"]`);

export const add = ({ id, text }) => {
  const element = document.getElementById("turn-mine").content.firstElementChild.cloneNode(true);
  element.dataset.client = id;
  element.querySelector(".turn__said").textContent = text;
  root.append(element);
  status(element, "sending");
  goToEnd();
  return element;
};

// Stored under an id: what comes next about it finds it by that.
export const stored = (client, { message, position: place, state }) => {
  const element = mine(client);
  if (!element || element.dataset.turn) return;
  element.dataset.turn = message;
  element.dataset.position = place;
  element.id = `turn-${message}`;
  status(element, state);
  refresh(message); // the time, as the server writes it
};

// Live ------------------------------------------------------------------------------------------------------------
export const refresh = async (id) => {
  if (loads.has(id)) { loads.get(id).again = true; return; }
  const load = { again: false, held: [] };
  loads.set(id, load);
  let failed = false;
  try {
    const part = await fragment(`turns/${id}/`);
    show(part, id);
  } catch (error) {
    failed = !(error.problem && error.problem.status < 500);
  }
  loads.delete(id);
  for (const frame of load.held) grow(frame);
  if (load.again) refresh(id);
  else if (failed) soon(id, AGAIN_MS);
};

export const soon = (id, pause = TOGETHER_MS) => {
  if (timers.has(id)) return;
  timers.set(id, setTimeout(() => { timers.delete(id); refresh(id); }, pause));
};

const show = (part, id) => {
  const fresh = part.querySelector("[data-turn]");
  const writing = part.querySelector("[data-writing]") !== null;
  const strip = part.getElementById("strip");
  const old = turnOf(id);
  following(() => {
    if (old && occupied(old)) soon(id, OCCUPIED_MS);
    else put(fresh);
    putStrip(strip);
    composer.toggleAttribute("data-writing", writing);
  });
};

// A piece of a reply. What is known already is left out, what does not fit is fetched.
export const grow = (frame) => {
  const load = loads.get(frame.id);
  if (load) { load.held.push(frame); return; }
  const turn = turnOf(frame.id);
  if (!turn) { refresh(frame.id); return; }
  const text = turn.querySelector("[data-text]");
  if (!text) return;
  const known = Number(turn.dataset.length);
  if (frame.offset + length(frame.text) <= known) return;
  if (frame.offset !== known) { refresh(frame.id); return; }
  following(() => text.append(frame.text));
  turn.dataset.length = String(known + length(frame.text));
};

export const changed = (frame) => {
  const turn = turnOf(frame.id);
  const known = turn?.classList.contains("turn--me") && !loads.has(frame.id);
  if (known) status(turn, frame.state);
  else refresh(frame.id);
};

export const writing = () => root.querySelector("[aria-busy=true]") !== null;

const followRuns = (element) => {
  for (const card of element.querySelectorAll("[data-run]")) {
    const { run, number, over } = card.dataset;
    const id = card.closest("[data-turn]").dataset.turn;
    if (over !== undefined) {
      runs.get(run)?.();
      runs.delete(run);
    } else if (!runs.has(run)) {
      runs.set(run, subscribe(`run:${run}`, Number(number), () => soon(id)));
    }
  }
};

export const start = () => {
  followRuns(root);
  think();
  scroller.addEventListener("scroll", () => { if (atEnd()) toEnd.hidden = true; }, { passive: true });
  toEnd.addEventListener("click", (event) => { event.preventDefault(); goToEnd(); });
  if (!location.hash || location.hash === "#end") goToEnd();
};
