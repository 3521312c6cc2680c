// Gives a waiver and takes one back.
import { act, token } from "/assets/act.js";

for (const form of document.querySelectorAll("form.waive")) {
  const say = form.querySelector("output");
  form.token.value = token();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const versions = form.versions.value.split(",").map((name) => name.trim()).filter((name) => name);
    // A minute less than so many days, so that clocks that differ a little do not exceed the longest time allowed.
    const expires = new Date(Date.now() + form.days.value * 86400000 - 60000).toISOString();
    const waiver = { model: form.model.value, finding: form.finding.value, versions, reason: form.reason.value,
      ticket: form.ticket.value, expires };
    if (await act("POST", "/v1/waivers", waiver, form.token, say))
      location.assign("/waivers?model=" + encodeURIComponent(form.model.value));
  });
}

const given = document.querySelector(".unwaive");
if (given) {
  const field = given.querySelector("[name=token]");
  field.value = token();
  for (const button of document.querySelectorAll("button[data-waiver]"))
    button.addEventListener("click", async () => {
      const path = "/v1/waivers/" + encodeURIComponent(button.dataset.waiver);
      if (await act("DELETE", path, null, field, given.querySelector("output"))) location.reload();
    });
}
