// Shows a change of theme or contrast at once and saves it by posting the form. The server renders the saved choice
// into data-theme and data-contrast, so there is no flash, and without this module the form just reloads the page.
const root = document.documentElement;

const apply = (name, value) => {
  if (value) root.dataset[name] = value;
  else delete root.dataset[name];
};

const mark = () => {
  const theme = root.dataset.theme ?? "";
  const more = root.dataset.contrast === "more";
  for (const field of document.querySelectorAll("[data-look] [data-now]")) field.value = root.dataset[field.name] ?? "";
  for (const button of document.querySelectorAll("[data-look] button[name=theme]")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  for (const button of document.querySelectorAll("[data-look] button[name=contrast]")) {
    button.setAttribute("aria-pressed", String(more));
    button.value = more ? "" : "more";
  }
};

document.addEventListener("submit", async (event) => {
  const button = event.submitter;
  if (!event.target.matches("[data-look]") || !button?.name) return;
  event.preventDefault();
  const data = new FormData(event.target);
  data.set(button.name, button.value);
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
