// Sends a person's word about a region; in a queue (data-next) the next region follows.
import { act, token } from "/assets/act.js";

for (const form of document.querySelectorAll("form.label")) {
  const say = form.querySelector("output");
  form.token.value = token();
  form.class.addEventListener("input", () => { form.querySelector("[value=class]").checked = true; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = form.querySelector("[name=label]:checked");
    if (!chosen) { say.value = "Choose an answer first."; return; }
    if (chosen.value === "class" && form.class.value === "") { say.value = "Which class?"; form.class.focus(); return; }
    const label = chosen.value === "class" ? "class:" + form.class.value : chosen.value;
    const path = "/v1/regions/" + form.dataset.region + "/label";
    if (!await act("PUT", path, { label, note: form.note.value }, form.token, say)) return;
    if (form.dataset.next) location.assign(form.dataset.next);
    else location.reload();
  });
}
