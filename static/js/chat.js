// The chat pages, live: the list, the conversation, sending. Without this module all of it works by plain forms.
import * as composer from "./chat-composer.js";
import { fragment, post, toast, toastsIn } from "./chat-http.js";
import * as turns from "./chat-turns.js";
import { connected, lastNumber, onConnection, Refusal, request, send, subscribe } from "./live.js";

const LIST_MS = 400;
const TYPING_EVERY_MS = 2_000;
const TYPING_SHOWN_MS = 4_000;
const READ_MS = 500;
// What could not be sent is sent by itself when the connection is back, unless that was too long ago to be meant still.
const RESEND_WITHIN_MS = 10 * 60_000;

const list = document.getElementById("conversations");
const root = document.getElementById("turns");
const form = document.getElementById("composer");
const member = document.getElementById("live")?.dataset.member;

// The list ----------------------------------------------------------------------------------------------------------
let listing;
const relist = () => {
  clearTimeout(listing);
  listing = setTimeout(async () => {
    const address = new URL(list.dataset.conversations, location.href);
    address.searchParams.set("current", root?.dataset.conversation ?? "");
    address.searchParams.set("q", document.querySelector("#list input[name=q]").value);
    try {
      const fresh = await fragment(address);
      const at = [...list.querySelectorAll("a")].indexOf(document.activeElement);
      const renewed = list.cloneNode(false);
      renewed.append(fresh);
      if (renewed.innerHTML === list.innerHTML) return; // a click must not lose its element for nothing
      list.replaceChildren(...renewed.childNodes);
      if (at >= 0) list.querySelectorAll("a")[at]?.focus({ preventScroll: true });
    } catch { /* the next change, or the next page, shows it */ }
  }, LIST_MS);
};

if (list && member) subscribe(`chat:${member}`, 0, relist);

// A new conversation ------------------------------------------------------------------------------------------------
const startNew = () => {
  const client = crypto.randomUUID();
  composer.start({
    send: async (text) => {
      const data = new FormData();
      data.set("text", text);
      data.set("client_id", client);
      form.setAttribute("aria-busy", "true");
      try {
        const answer = await post(form.action, data);
        location.assign((await answer.json()).url);
      } catch (error) {
        form.removeAttribute("aria-busy");
        composer.giveBack(text);
        composer.complain(error instanceof Refusal ? error.problem.title ?? composer.words.failed : composer.words.failed);
      }
    },
  });
  for (const example of document.querySelectorAll("[data-say]")) {
    example.addEventListener("click", (event) => {
      event.preventDefault();
      composer.fill(example.dataset.say);
      composer.box.focus();
    });
  }
};

// Sending -----------------------------------------------------------------------------------------------------------
const conversation = root?.dataset.conversation;
const topic = `conversation:${conversation}`;
const outboxKey = `jarvis:unsent:${member}:${conversation}`;

const unsent = () => {
  try { return JSON.parse(localStorage.getItem(outboxKey) ?? "[]"); } catch { return []; }
};
const setUnsent = (messages) => {
  try {
    if (messages.length) localStorage.setItem(outboxKey, JSON.stringify(messages));
    else localStorage.removeItem(outboxKey);
  } catch { /* full or forbidden: then it is kept as long as the page */ }
};
const forget = (id) => setUnsent(unsent().filter((message) => message.id !== id));

const byHttp = async ({ id, text }) => {
  const data = new FormData();
  data.set("text", text);
  data.set("client_id", id);
  return (await post(form.action, data)).json();
};

// Both ways store a message once, however often it comes: after a silence on one the other may be tried.
const transmit = async (message) => {
  if (connected()) {
    try {
      return await request("chat.send", { ...message, conversation });
    } catch (error) {
      if (error instanceof Refusal) throw error;
    }
  }
  return byHttp(message);
};

const refused = (message, element, problem) => {
  forget(message.id);
  element.remove();
  composer.giveBack(message.text);
  composer.complain(problem.title ?? composer.words.failed);
};

const deliver = async (message) => {
  const element = turns.mine(message.id);
  turns.status(element, "sending");
  try {
    turns.stored(message.id, await transmit(message));
    forget(message.id);
    composer.complain("");
  } catch (error) {
    const final = error instanceof Refusal && error.problem.status < 500;
    if (final) { refused(message, element, error.problem); return; }
    turns.status(element, "error");
    composer.complain(composer.words.offline);
  }
};

const say = (text) => {
  const message = { id: crypto.randomUUID(), text, at: Date.now() };
  setUnsent([...unsent(), message]);
  turns.add(message);
  deliver(message);
};

// Messages that an earlier page, or this one, could not get through.
const resend = () => {
  for (const message of unsent()) {
    const element = turns.mine(message.id);
    if (element?.dataset.turn) { forget(message.id); continue; }
    if (element?.dataset.state === "sending") continue;
    const shown = element ?? turns.add(message);
    if (Date.now() - message.at > RESEND_WITHIN_MS) turns.status(shown, "error");
    else deliver(message);
  }
};

// The conversation --------------------------------------------------------------------------------------------------
const tab = crypto.randomUUID();

let typed = 0;
const typing = () => {
  if (Date.now() - typed < TYPING_EVERY_MS) return;
  typed = Date.now();
  send({ type: "chat.typing", conversation, tab });
};

let elsewhere;
const typedElsewhere = ({ from }) => {
  if (from === tab) return;
  clearTimeout(elsewhere);
  turns.elsewhere(true);
  elsewhere = setTimeout(() => turns.elsewhere(false), TYPING_SHOWN_MS);
};

let seen = Number(root?.dataset.number ?? 0);
let reading;
const read = () => {
  clearTimeout(reading);
  reading = setTimeout(() => {
    const number = lastNumber(topic);
    if (document.hidden || turns.writing() || !turns.atEnd() || number <= seen || !connected()) return;
    seen = number;
    send({ type: "chat.read", conversation, number });
  }, READ_MS);
};

const received = (frame) => {
  if (frame.type === "typing") { typedElsewhere(frame); return; }
  if (frame.type === "delta") turns.grow(frame);
  if (frame.type === "turn") turns.changed(frame);
  read();
};

const stop = async (address) => {
  try { await post(address); } catch (error) { tellProblem(error); }
};

const tellProblem = (error) => {
  if (!(error instanceof Refusal)) toast({ template: "toast-offline" });
  else toast({ template: "toast-failed", text: error.problem.title });
};

// Forms of the conversation post in place; the page they lead to is only looked through for news.
const postInPlace = async (event) => {
  const target = event.target;
  const data = new FormData(target, event.submitter);
  const turn = target.closest("[data-turn]")?.dataset.turn ?? cardOf(target)?.closest("[data-turn]").dataset.turn;
  event.preventDefault();
  event.submitter?.setAttribute("aria-busy", "true");
  if (event.submitter) event.submitter.disabled = true;
  target.closest("dialog")?.close();
  try {
    const answer = await post(target.action, data);
    target.reset();
    if (answer.headers.get("Content-Type")?.includes("html")) toastsIn(await answer.text());
  } catch (error) {
    tellProblem(error);
  }
  event.submitter?.removeAttribute("aria-busy");
  if (event.submitter) event.submitter.disabled = false;
  if (turn) turns.soon(turn);
};

// The strip speaks of the newest run that is not over.
const cardOf = (element) => element.closest("#strip") && [...root.querySelectorAll("[data-run]:not([data-over])")].at(-1);

const submitted = (event) => {
  const target = event.target;
  if (event.defaultPrevented || target.method !== "post" || event.submitter?.formMethod === "dialog") return;
  if (target.matches("[data-answers]")) {
    event.preventDefault();
    say(event.submitter.value);
    composer.box.focus();
  } else if (target.matches("[data-quiet], [data-run] form:not([hx-post])")) postInPlace(event);
};

const clicked = (event) => {
  const button = event.target.closest("[data-resend]");
  if (!button) return;
  const client = button.closest("[data-client]").dataset.client;
  const message = unsent().find(({ id }) => id === client);
  if (message) deliver(message);
};

const startConversation = () => {
  composer.start({ send: say, stop, typed: typing });
  turns.start();
  subscribe(topic, seen, received);
  onConnection((open) => { if (open) { resend(); read(); } });
  document.addEventListener("submit", submitted);
  document.addEventListener("click", clicked);
  document.addEventListener("visibilitychange", read);
  document.getElementById("scroll").addEventListener("scroll", read, { passive: true });
  resend();
};

if (root) startConversation();
else if (form) startNew();
