// Server-rendered pages, kept current: the page is fetched again and its named parts are put in place.
const QUIET_MS = 150;

// What a person is writing into, or has opened to answer, stays as it is until they are done.
const busy = (part) => (part.contains(document.activeElement) && document.activeElement.matches("input, textarea"))
  || part.querySelector("details.reject[open], details.menu[open]") !== null;

// The pages differ in the token of each form even when nothing has happened. What is the same stays, so that no click
// is lost on an element that was just exchanged.
const text = (part) => {
  const copy = part.cloneNode(true);
  for (const token of copy.querySelectorAll("input[name=csrfmiddlewaretoken]")) token.remove();
  return copy.innerHTML;
};

const replace = (part, fresh) => {
  if (busy(part)) return;
  const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const top = part.scrollTop;
  const open = [...part.querySelectorAll("details")].map((element) => element.open);
  for (const { name, value } of fresh.attributes) part.setAttribute(name, value);
  if (text(part) === text(fresh)) return;
  part.replaceChildren(...fresh.childNodes);
  part.querySelectorAll("details").forEach((element, at) => { element.open ||= open[at] ?? false; });
  part.scrollTop = top;
  window.htmx?.process(part);
  if (link) part.querySelector(`[href="${CSS.escape(link)}"]`)?.focus({ preventScroll: true });
};

// Returns a function that brings the elements with these ids up to date, a moment after its last call.
export const refresher = (...ids) => {
  let timer;
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer?.ok) return; // the next event, or the next page, shows it
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of ids) {
      const [here, there] = [document.getElementById(id), fresh.getElementById(id)];
      if (here && there) replace(here, document.importNode(there, true));
    }
  };
  return () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, QUIET_MS);
  };
};
