// Menus are details elements and work by themselves. This adds what people expect of a menu: Escape, a click
// outside, arrow keys inside; and it opens dialogs from buttons with data-opens.
const openMenus = () => document.querySelectorAll("details.menu[open]");

const items = (menu) => [...menu.querySelectorAll(".pop__item:not(:disabled), .choice")]
  .filter((item) => item.checkVisibility());

const step = (menu, by) => {
  const all = items(menu);
  if (!all.length) return;
  const at = all.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length;
  all[next].focus();
};

document.addEventListener("click", (event) => {
  for (const menu of openMenus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const opener = event.target.closest?.("[data-opens]");
  const dialog = opener && document.getElementById(opener.dataset.opens);
  if (!dialog) return;
  event.preventDefault();
  opener.closest("details.menu")?.removeAttribute("open");
  dialog.showModal();
});

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.("details.menu[open]") ?? (event.key === "Escape" ? [...openMenus()].at(-1) : null);
  if (!menu) return;
  if (event.key === "Escape") {
    menu.open = false;
    menu.querySelector("summary").focus();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    step(menu, event.key === "ArrowDown" ? 1 : -1);
  } else {
    return;
  }
  event.preventDefault();
});

document.addEventListener("focusout", (event) => {
  const menu = event.target.closest?.("details.menu[open]");
  if (menu && event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});
