// Unfold's dark colours hang on a class; follow the system before anything is painted.
"use strict";
{
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
}
