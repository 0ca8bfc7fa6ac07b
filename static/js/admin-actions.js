// The box in a list's head selects all its rows.
"use strict";
document.addEventListener("change", (event) => {
  if (event.target.id !== "action-toggle") return;
  for (const box of document.querySelectorAll("input.action-select")) box.checked = event.target.checked;
});
