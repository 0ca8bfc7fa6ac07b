// The inbox of questions: live, and by keyboard (j, k move; a approves; e edits; r rejects). The bell's page is kept live too.
import { subscribe } from "./live.js";
import { refresher } from "./refresh.js";

const refresh = refresher("list", "request", "news");
const list = document.getElementById("list");
const member = document.getElementById("live")?.dataset.member;

if (member) subscribe(`inbox:${member}`, 0, refresh);

const move = (by) => {
  const asks = [...list.querySelectorAll(".ask")];
  const at = asks.findIndex((ask) => ask.hasAttribute("aria-current"));
  asks[Math.max(0, Math.min(asks.length - 1, at + by))]?.click();
};

const approve = () => {
  const button = document.querySelector("#request [data-approve]");
  if (button && !button.disabled) button.form.requestSubmit(button);
};

const reject = () => {
  const details = document.querySelector("#request details.reject");
  if (!details) return;
  details.open = true;
  details.querySelector("input[name=reason]").focus();
};

const disable = (form, disabled) => {
  for (const button of form.querySelectorAll("button")) button.disabled = disabled;
};

const edit = () => document.querySelector("#request [data-edit]")?.click();

const keys = { j: () => move(1), k: () => move(-1), a: approve, e: edit, r: reject };

if (list) {
  document.addEventListener("keydown", (event) => {
    const writes = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
    if (writes || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
  // A second click would only be told that it came too late. A disabled button is not sent, so that has to wait until
  // the browser has read the form, which it does right after this event.
  document.addEventListener("submit", ({ target }) => {
    if (target.closest("#request")) setTimeout(() => disable(target, true));
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("#request form").forEach((form) => disable(form, false)));
}
