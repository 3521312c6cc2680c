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
// Orders a correction and goes to its page.
for (const form of document.querySelectorAll("form.order")) {
  const say = form.querySelector("output");
  form.token.value = sessionStorage.getItem("token") || "";
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const headers = { "Content-Type": "application/json" };
    if (form.token.value) headers.Authorization = "Bearer " + form.token.value;
    say.value = "…";
    try {
      const reply = await fetch(form.dataset.order, { method: "POST", headers, body: "{}" });
      const answer = await reply.json().catch(() => ({}));
      if (reply.ok) {
        sessionStorage.setItem("token", form.token.value);
        location.assign("/corrections/" + answer.job);
        return;
      }
      say.value = answer.detail || answer.title || "The daemon answered " + reply.status + ".";
    } catch (problem) {
      say.value = "The daemon cannot be reached.";
    }
  });
}
// How far a job is; the page is loaded anew once it has ended.
for (const words of document.querySelectorAll("[data-job]")) {
  const look = async () => {
    const reply = await fetch("/v1/jobs/" + words.dataset.job).catch(() => null);
    const job = reply && reply.ok ? await reply.json().catch(() => null) : null;
    if (job && job.finished) { location.reload(); return; }
    if (job && job.state === "running" && job.station) words.textContent = job.station + ": " + Math.round(100 * job.progress) + " %";
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}
