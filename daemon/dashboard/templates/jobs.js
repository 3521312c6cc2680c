// Keeps the page of jobs up to date from /v1/events. fetch and not EventSource, because only fetch sends a token where
// reading needs one; a browser that logged in by itself (Basic) sends that.
import { token } from "/assets/act.js";

const list = document.getElementById("jobs");
const live = document.getElementById("live");
let last = Number(list.dataset.after);

function element(name, text, kind) {
  const made = document.createElement(name);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

const minute = (time) => time ? time.slice(0, 16).replace("T", " ") + " UTC" : "";

function new_row(job) {
  const row = document.createElement("tr");
  row.dataset.job = job.id;
  const head = element("th", job.kind === "correction" ? "" : job.id);
  head.scope = "row";
  if (job.kind === "correction") {
    const repaired = element("a", job.id + ", a correction");
    repaired.href = "/corrections/" + Number(job.id);
    head.append(repaired);
  }
  const link = element("a", job.model + " " + job.version);
  link.href = "/models/" + encodeURIComponent(job.model) + "/versions/" + encodeURIComponent(job.version);
  const version = element("td", "");
  version.append(link);
  const state = element("td", "");
  state.append(element("span", "", "badge"));
  const far = element("td", "", "far");
  far.append(element("span", "", "words"));
  row.append(head, version, state, element("td", "", "station"), far, element("td", "", "attempt"),
    element("td", minute(new Date().toISOString())), element("td", "", "ended"), element("td", "", "error"));
  list.prepend(row);
  document.getElementById("none")?.remove();
  return row;
}

function show(job) {
  const goes_on = job.state === "running" || job.state === "queued";
  let row = list.querySelector('[data-job="' + Number(job.id) + '"]');
  if (!row) {
    if (!goes_on) return;
    row = new_row(job);
  }
  const badge = row.querySelector(".badge");
  badge.className = "badge " + job.state;
  badge.textContent = job.state;
  row.querySelector(".station").textContent = job.station;
  const far = row.querySelector(".far");
  let bar = far.querySelector("progress");
  if (job.state === "running") {
    if (!bar) {
      bar = document.createElement("progress");
      bar.max = 1;
      bar.setAttribute("aria-label", "How far the station of job " + job.id + " is");
      far.prepend(bar, " ");
    }
    bar.value = job.progress;
  } else {
    bar?.remove();
  }
  far.querySelector(".words").textContent = job.state !== "running" ? "" : Math.round(100 * job.progress) + " %" +
    (job.station_ends ? ", until about " + minute(job.station_ends) : "");
  if (!goes_on && !row.querySelector(".ended").textContent)
    row.querySelector(".ended").textContent = minute(new Date().toISOString());
}

// One event: lines "id: 7", "event: job", "data: {…}".
function take(text) {
  const fields = {};
  for (const line of text.split("\n")) {
    const colon = line.indexOf(": ");
    if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 2);
  }
  if (fields.id) last = Number(fields.id);
  if (fields.event === "job") show(JSON.parse(fields.data));
}

async function listen(with_token) {
  const headers = with_token ? { Authorization: "Bearer " + token() } : {};
  const reply = await fetch("/v1/events?after=" + last, { headers });
  if (reply.status === 401 && with_token) return listen(false);
  if (!reply.ok) throw new Error(reply.status);
  live.value = "It changes as things happen.";
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    parts.forEach(take);
  }
}

for (;;) {
  await listen(token() !== "").catch(() => {});
  live.value = "The daemon is not heard at the moment; trying again.";
  await new Promise((go_on) => setTimeout(go_on, 5000));
}
