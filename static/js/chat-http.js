// Requests of the chat page. An error answer becomes a Refusal that carries the server's own sentence.
import { Refusal } from "./live.js";

const ANSWER_MS = 15_000;
const token = () => document.querySelector("meta[name=csrf-token]").content;

const problemOf = async (answer) => {
  const json = answer.headers.get("Content-Type")?.includes("json");
  return (json && (await answer.json().catch(() => null))) || { status: answer.status };
};

const checked = async (answer) => {
  if (!answer.ok) throw new Refusal(await problemOf(answer));
  return answer;
};

export const post = async (address, body = new FormData()) => checked(await fetch(address, {
  method: "POST", body, headers: { Accept: "application/json", "X-CSRFToken": token() },
  signal: AbortSignal.timeout(ANSWER_MS),
}));

// A fragment of a page, as a document fragment.
export const fragment = async (address) => {
  const answer = await checked(await fetch(address, {
    headers: { Accept: "text/html", "HX-Request": "true", "HX-Current-URL": location.href }, signal: AbortSignal.timeout(ANSWER_MS),
  }));
  const template = document.createElement("template");
  template.innerHTML = await answer.text();
  return template.content;
};

export const toast = (detail) => document.dispatchEvent(new CustomEvent("jarvis:toast", { detail }));

// The news that a page would have shown.
export const toastsIn = (html) => {
  for (const one of new DOMParser().parseFromString(html, "text/html").querySelectorAll("#toasts [data-toast]")) {
    const tone = one.dataset.toast === "ok" ? "" : one.dataset.toast;
    toast({ text: one.querySelector("[data-toast-text]").textContent, tone });
  }
};
