// The queue by keyboard: 1 to 4 choose an answer, Enter sends it, s skips; not while someone types in a field.
"use strict";
const form = document.querySelector("form.label");
const answers = form.querySelectorAll("[name=label]");
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const at = event.target;
  const answer = at.matches("[name=label]");
  if (at.matches("input, textarea, select") && !answer) return;
  const chosen = answers["1234".indexOf(event.key)];
  if (chosen) {
    chosen.checked = true;
    chosen.focus();
    if (chosen.value === "class") form.class.focus();
    event.preventDefault();
  } else if (event.key === "Enter" && !answer && !at.closest("a, button, summary")) {
    form.requestSubmit();   // on an answer or in a field the browser does it
  } else if (event.key === "s") {
    document.querySelector(".skip-region").click();
  }
});
