// The command palette: Ctrl K, type, arrows, Enter. It offers the links that this page already has, so it can never
// lead where the person may not go.
const dialog = document.getElementById("palette");
const MOST = 40; // more than fits on a screen is not choosing any more

const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

const labelOf = (link) => (link.querySelector("[data-palette-label], .clip") ?? link).textContent.trim();

const collect = () => {
  const seen = new Set();
  return [...document.querySelectorAll("a[data-palette], .list a.item, .list a.row")].flatMap((link) => {
    const href = link.href;
    if (!href || seen.has(href)) return [];
    seen.add(href);
    const label = labelOf(link);
    return [{ href, label, plain: plain(label), group: link.dataset.palette ?? "recent", icon: link.dataset.paletteIcon ?? "chat" }];
  });
};

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon icon--sm");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
};

const option = (entry, index) => {
  const link = document.createElement("a");
  link.className = "pop__item";
  link.id = `palette-${index}`;
  link.href = entry.href;
  link.tabIndex = -1;
  link.setAttribute("role", "option");
  link.setAttribute("aria-selected", "false");
  const label = document.createElement("span");
  label.className = "clip";
  label.textContent = entry.label;
  link.append(icon(entry.icon), label);
  return link;
};

const start = () => {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("[role=listbox]");
  const none = dialog.querySelector(".palette__none");
  let entries = [];

  const options = () => [...list.querySelectorAll("[role=option]")];

  const choose = (index) => {
    const all = options();
    const wanted = all.at(index % (all.length || 1));
    for (const one of all) one.setAttribute("aria-selected", String(one === wanted));
    input.setAttribute("aria-activedescendant", wanted?.id ?? "");
    wanted?.scrollIntoView({ block: "nearest" });
  };

  const draw = () => {
    const words = plain(input.value).split(/\s+/).filter(Boolean);
    const found = entries.filter((entry) => words.every((word) => entry.plain.includes(word))).slice(0, MOST);
    const groups = Map.groupBy(found.map((entry, index) => ({ entry, index })), ({ entry }) => entry.group);
    list.replaceChildren(...[...groups].map(([group, members]) => {
      const box = document.createElement("div");
      const title = document.createElement("p");
      title.className = "pop__label";
      title.textContent = list.dataset[group] ?? group;
      title.setAttribute("role", "presentation");
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", title.textContent);
      box.append(title, ...members.map(({ entry, index }) => option(entry, index)));
      return box;
    }));
    none.hidden = found.length > 0;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    choose(0);
  };

  const open = () => {
    if (dialog.open || document.querySelector("dialog:modal")) return;
    entries = collect();
    input.value = "";
    draw();
    dialog.showModal();
    input.focus();
  };

  input.addEventListener("input", draw);
  input.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown") choose(at + 1);
    else if (event.key === "ArrowUp") choose(at < 1 ? all.length - 1 : at - 1);
    else if (event.key === "Enter") all[at]?.click();
    else return;
    event.preventDefault();
  });
  list.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      if (dialog.open) dialog.close(); else open();
    }
  });
  for (const button of document.querySelectorAll("[data-palette-open]")) {
    button.hidden = false;
    button.addEventListener("click", open);
  }
};

if (dialog) start();
