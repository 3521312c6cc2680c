// Orders a correction and goes to its page, which is loaded anew once it has ended.
import { act, token } from "/assets/act.js";

for (const form of document.querySelectorAll("form.order")) {
  const say = form.querySelector("output");
  form.token.value = token();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const reply = await act("POST", form.dataset.order, {}, form.token, say);
    if (reply) location.assign("/corrections/" + (await reply.json()).job);
  });
}
for (const words of document.querySelectorAll("[data-job]")) {
  const look = async () => {
    const headers = token() ? { Authorization: "Bearer " + token() } : {};
    const reply = await fetch("/v1/jobs/" + words.dataset.job, { headers }).catch(() => null);
    const job = reply && reply.ok ? await reply.json().catch(() => null) : null;
    if (job && job.finished) { location.reload(); return; }
    if (job && job.state === "running" && job.station) words.textContent = job.station + ": " + Math.round(100 * job.progress) + " %";
    setTimeout(look, 2000);
  };
  setTimeout(look, 2000);
}
