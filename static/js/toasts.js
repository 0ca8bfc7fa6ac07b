// Toasts: closes them, lets good news go by itself, and reports requests of htmx that failed.
// Others may show one: document.dispatchEvent(new CustomEvent("jarvis:toast", {detail: {text, tone}})).
const GOOD_NEWS_MS = 10_000; // long enough to read two lines twice; failures stay until they are closed

const place = document.getElementById("toasts");

const arm = (toast) => {
  const close = toast.querySelector("[data-toast-close]");
  close.hidden = false;
  close.addEventListener("click", () => toast.remove());
  if (toast.dataset.toast === "bad") return;
  let timer;
  const stay = () => clearTimeout(timer);
  const leave = () => { stay(); timer = setTimeout(() => toast.remove(), GOOD_NEWS_MS); };
  for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, stay);
  for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, leave);
  leave();
};

// The error page says in one sentence what happened; a request of htmx gets that page as its answer.
const problemIn = (html) => new DOMParser().parseFromString(html, "text/html")
  .querySelector("[data-problem]")?.textContent.trim();

const fromTemplate = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

const show = ({ template = "toast-failed", text, tone }) => {
  const toast = fromTemplate(template);
  if (text) toast.querySelector("[data-toast-text]").textContent = text;
  if (tone !== undefined) {
    toast.dataset.toast = tone || "ok";
    toast.className = tone ? `toast toast--${tone}` : "toast";
    toast.querySelector("use").setAttribute("href", { bad: "#i-alert", info: "#i-info" }[tone] ?? "#i-check");
  }
  const same = [...place.children].find((other) => other.textContent === toast.textContent);
  same?.remove();
  place.append(toast);
  arm(toast);
};

if (place) {
  place.querySelectorAll("[data-toast]").forEach(arm);
  document.addEventListener("jarvis:toast", (event) => show(event.detail));
  document.addEventListener("htmx:responseError", (event) => {
    show({ template: "toast-failed", text: problemIn(event.detail.xhr.responseText) });
  });
  document.addEventListener("htmx:sendError", () => show({ template: "toast-offline" }));
  document.addEventListener("htmx:timeout", () => show({ template: "toast-offline" }));
}
