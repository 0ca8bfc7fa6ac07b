// One websocket per page. What is published may be lost on the way; numbered topics are complete again after a new
// subscription with the last number that was seen, of others the handlers look again whenever they are joined: what
// happened between the making of the page and its subscription reached nobody. Every page follows its member's inbox
// and keeps the rail's counts.
const FIRST_PAUSE_MS = 400;
const LONGEST_PAUSE_MS = 30_000;
const QUIET_MS = 20_000; // then a ping
const DEAD_MS = 45_000; // nothing heard for this long although it was asked
const TELL_AFTER_MS = 2_000; // shorter cuts are nobody's business
const ANSWER_MS = 8_000;
const COUNTS_PAUSE_MS = 300;
const OVER = new Set([4401, 4404]); // signed out; a stranger here

const place = document.getElementById("live");
const topics = new Map(); // topic -> {last, handlers, asked}
const questions = new Map(); // id -> {resolve, reject, timer}
const listeners = new Set();

let socket = null;
let failures = 0;
let heard = 0;
let asked = 0;
let timer;
let tell;
let over = false;

export class Refusal extends Error {
  constructor(problem) {
    super(problem.title ?? problem.code);
    this.problem = problem;
  }
}

export const connected = () => socket?.readyState === WebSocket.OPEN;

// Calls back with true and false as the connection comes and goes.
export const onConnection = (listener) => listeners.add(listener);

// Follows a topic. The handler gets every frame of it, some of them twice; `after` is the last number it knows of. Where
// there are no numbers it also gets a frame of the type "subscribed" each time that the topic was joined.
export const subscribe = (topic, after, handler) => {
  const known = topics.get(topic);
  if (known) known.handlers.add(handler);
  else topics.set(topic, { last: after, handlers: new Set([handler]), asked: false });
  if (!known && connected()) ask(topic);
  return () => {
    const entry = topics.get(topic);
    if (!entry?.handlers.delete(handler) || entry.handlers.size) return;
    topics.delete(topic);
    send({ type: "unsubscribe", topic });
  };
};

export const lastNumber = (topic) => topics.get(topic)?.last ?? 0;

// Sends a command and resolves with its answer. Rejects with a Refusal when the server says no, else with an Error:
// then it is not known whether it was done.
export const request = (type, payload = {}, { timeout = ANSWER_MS } = {}) => {
  const id = payload.id ?? crypto.randomUUID();
  return new Promise((resolve, reject) => {
    if (!connected()) { reject(new Error("offline")); return; }
    questions.set(id, { resolve, reject, timer: setTimeout(() => fail(id, "timeout"), timeout) });
    send({ ...payload, type, id });
  });
};

// Sends without waiting for an answer; lost when there is no connection.
export const send = (frame) => { if (connected()) socket.send(JSON.stringify(frame)); };

const fail = (id, reason) => {
  const question = questions.get(id);
  if (!question) return;
  questions.delete(id);
  clearTimeout(question.timer);
  question.reject(new Error(reason));
};

const ask = (topic) => {
  const entry = topics.get(topic);
  entry.asked = true;
  send({ type: "subscribe", topic, after: entry.last });
};

const answered = ({ to, error, ...answer }) => {
  const question = questions.get(to);
  if (!question) return;
  questions.delete(to);
  clearTimeout(question.timer);
  if (error) question.reject(new Refusal(error));
  else question.resolve(answer);
};

const arrived = (frame) => {
  const entry = topics.get(frame.topic);
  if (!entry) return;
  if (frame.type === "subscribed") {
    entry.asked = false;
    entry.last = Math.max(entry.last, frame.number);
    if (entry.last) return;
  } else if (frame.type === "refused") {
    topics.delete(frame.topic);
    return;
  }
  // Catch-up frames leave gaps, because what changed twice is sent once; `subscribed` closes them.
  const gap = frame.number > entry.last + 1 && !entry.asked;
  if (gap) ask(frame.topic);
  else if (frame.number === entry.last + 1) entry.last = frame.number;
  for (const handler of entry.handlers) handler(frame);
};

const receive = (event) => {
  heard = Date.now();
  asked = 0;
  const frame = JSON.parse(event.data);
  if (frame.type === "reply") answered(frame);
  else if (frame.topic) arrived(frame);
};

const state = (open) => {
  clearTimeout(tell);
  if (open) say("");
  else tell = setTimeout(() => say(place.dataset.away), TELL_AFTER_MS);
  for (const listener of listeners) listener(open);
};

const say = (text) => {
  if (place.textContent !== text) place.textContent = text;
};

const opened = () => {
  failures = 0;
  heard = Date.now();
  asked = 0;
  for (const topic of topics.keys()) ask(topic);
  state(true);
};

const closed = (event) => {
  socket = null;
  for (const entry of topics.values()) entry.asked = false;
  for (const id of [...questions.keys()]) fail(id, "closed");
  if (OVER.has(event?.code)) {
    over = true;
    clearTimeout(tell);
    say(place.dataset.over);
    for (const listener of listeners) listener(false);
    return;
  }
  if (!failures) state(false);
  const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + Math.random() / 2);
  failures += 1;
  clearTimeout(timer);
  timer = setTimeout(connect, pause);
};

const connect = () => {
  clearTimeout(timer);
  if (socket || over) return;
  const address = new URL(place.dataset.socket, location.href);
  address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const mine = new WebSocket(address);
  socket = mine;
  mine.addEventListener("open", () => { if (mine === socket) opened(); });
  mine.addEventListener("message", (event) => { if (mine === socket) receive(event); });
  mine.addEventListener("close", (event) => { if (mine === socket) closed(event); });
};

// A socket that is gone may take minutes to say so.
const drop = () => {
  const mine = socket;
  if (!mine) return;
  closed();
  mine.close();
};

const look = () => {
  if (!connected()) return;
  const now = Date.now();
  if (asked && now - asked > DEAD_MS - QUIET_MS) drop();
  else if (!asked && now - heard > QUIET_MS) {
    asked = now;
    send({ type: "ping" });
  }
};

const wake = () => {
  if (document.hidden) return;
  if (socket) look();
  else { failures = Math.min(failures, 1); connect(); }
};

// The rail ------------------------------------------------------------------------------------------------------
const MOST_SHOWN = 99;
let counting;

const draw = (counts) => {
  for (const [key, count] of Object.entries(counts)) {
    for (const badge of document.querySelectorAll(`[data-count="${key}"]`)) {
      badge.querySelector("[data-count-value]").textContent = count > MOST_SHOWN ? `${MOST_SHOWN}+` : String(count);
      badge.hidden = !count;
    }
  }
};

const count = () => {
  clearTimeout(counting);
  counting = setTimeout(async () => {
    const answer = await fetch(place.dataset.counts, { headers: { Accept: "application/json" } }).catch(() => null);
    if (answer?.ok) draw(await answer.json());
  }, COUNTS_PAUSE_MS);
};

if (place) {
  subscribe(`inbox:${place.dataset.member}`, 0, count);
  setInterval(look, QUIET_MS / 4);
  document.addEventListener("visibilitychange", wake);
  window.addEventListener("online", wake);
  // The browser knows first; the socket itself may not hear of it for minutes.
  window.addEventListener("offline", drop);
  // A page kept for "back" may not hold a socket; `pageshow` opens it again.
  window.addEventListener("pagehide", drop);
  window.addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
}
