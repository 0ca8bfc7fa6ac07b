// The composer: Enter sends, and what was written stays in this browser until it is stored on the server.
const SAVE_MS = 250;

const form = document.getElementById("composer");
const error = document.getElementById("composer-error");
export const box = form?.elements.namedItem("text");
const key = `jarvis:draft:${document.getElementById("live")?.dataset.member}:${form?.dataset.draft}`;
// On a touch keyboard Enter is the only way to a new line.
const touch = window.matchMedia("(pointer: coarse)");

// Storage may be full or forbidden: then a draft lives as long as the page.
const keep = (text) => {
  try {
    if (text) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch { /* see above */ }
};

const kept = () => {
  try { return localStorage.getItem(key) ?? ""; } catch { return ""; }
};

export const complain = (text) => { error.textContent = text; };
export const words = error?.dataset ?? {};

const fit = () => {
  if (CSS.supports("field-sizing", "content")) return;
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
};

export const fill = (text) => {
  box.value = text;
  keep(text);
  fit();
};

// Puts a text back that was not taken; what was written since then stays below it.
export const giveBack = (text) => fill(box.value.trim() ? `${text}\n${box.value}` : text);

// Calls `send(text)` for each message and `stop()` for the stop button; `typed` while the person writes.
export const start = ({ send, stop, typed = () => {} }) => {
  let saving;
  if (!box.value) fill(kept());
  box.addEventListener("input", () => {
    clearTimeout(saving);
    saving = setTimeout(() => keep(box.value), SAVE_MS);
    fit();
    complain("");
    typed();
  });
  window.addEventListener("pagehide", () => keep(box.value));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || touch.matches) return;
    event.preventDefault();
    if (box.value.trim()) form.requestSubmit(form.querySelector(".composer__send"));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (event.submitter?.hasAttribute("formaction")) { stop(event.submitter.formAction); return; }
    const text = box.value;
    if (!text.trim()) return;
    clearTimeout(saving);
    complain("");
    fill("");
    box.focus();
    send(text);
  });
};
