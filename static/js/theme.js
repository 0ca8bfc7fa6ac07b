// Shows a change of theme or contrast at once and saves it by posting the form. The server renders the saved choice
// into data-theme and data-contrast, so there is no flash, and without this module the form just reloads the page.
const root = document.documentElement;

const apply = (name, value) => {
  const attribute = name === "theme" ? "theme" : "contrast";
  if (value === "system") delete root.dataset[attribute];
  else root.dataset[attribute] = value;
};

const mark = () => {
  const theme = root.dataset.theme ?? "system";
  const more = root.dataset.contrast === "more";
  for (const button of document.querySelectorAll("[data-look] [name=theme]")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  for (const button of document.querySelectorAll("[data-look] [name=contrast]")) {
    button.setAttribute("aria-pressed", String(more));
    button.value = more ? "system" : "more";
  }
};

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!event.target.matches("[data-look]") || !button?.name) return;
  event.preventDefault();
  const data = new FormData(event.target, button);
  apply(button.name, button.value);
  mark();
  try {
    const answer = await fetch(event.target.action, { method: "POST", body: data, redirect: "manual" });
    // A redirect is the door's normal answer; anything that is neither means that the choice was not kept.
    if (!answer.ok && answer.type !== "opaqueredirect") throw new Error(`status ${answer.status}`);
  } catch {
    document.dispatchEvent(new CustomEvent("jarvis:toast", { detail: { template: "toast-failed" } }));
  }
});
