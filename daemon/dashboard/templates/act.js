// Asks the daemon to do something in a person's name. The token stays in this tab.
"use strict";

export const token = () => sessionStorage.getItem("token") || "";

// The reply where it was done, else null. `field` holds the token, `say` is told what happens.
export async function act(method, path, body, field, say) {
  const headers = { "Content-Type": "application/json" };
  if (field.value) headers.Authorization = "Bearer " + field.value;
  say.value = "…";
  try {
    const reply = await fetch(path, { method, headers, body: body === null ? undefined : JSON.stringify(body) });
    if (reply.ok) {
      sessionStorage.setItem("token", field.value);
      return reply;
    }
    const problem = await reply.json().catch(() => ({}));
    say.value = problem.detail || problem.title || "The daemon answered " + reply.status + ".";
  } catch (problem) {
    say.value = "The daemon cannot be reached.";
  }
  return null;
}
