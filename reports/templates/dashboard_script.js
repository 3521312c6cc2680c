// Sends a person's word about a region. The token stays in this tab.
"use strict";
for (const form of document.querySelectorAll("form.label")) {
  const say = form.querySelector("output");
  form.token.value = sessionStorage.getItem("token") || "";
  form.class.addEventListener("input", () => { form.querySelector("[value=class]").checked = true; });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = form.querySelector("[name=label]:checked");
    if (!chosen) { say.value = "Choose an answer first."; return; }
    if (chosen.value === "class" && form.class.value === "") { say.value = "Which class?"; form.class.focus(); return; }
    const label = chosen.value === "class" ? "class:" + form.class.value : chosen.value;
    const headers = { "Content-Type": "application/json" };
    if (form.token.value) headers.Authorization = "Bearer " + form.token.value;
    say.value = "…";
    try {
      const reply = await fetch("/v1/regions/" + form.dataset.region + "/label",
        { method: "PUT", headers, body: JSON.stringify({ label, note: form.note.value }) });
      if (reply.ok) {
        sessionStorage.setItem("token", form.token.value);
        location.reload();
        return;
      }
      const problem = await reply.json().catch(() => ({}));
      say.value = problem.detail || problem.title || "The daemon answered " + reply.status + ".";
    } catch (problem) {
      say.value = "The daemon cannot be reached.";
    }
  });
}
