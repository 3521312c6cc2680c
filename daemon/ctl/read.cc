// Verbs that only ask.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/figures.h"
#include "core/base/files.h"
#include "core/base/url.h"
#include "daemon/ctl/commands.h"

namespace defuse::ctl {
namespace {

const Json& part(const Json& json, const char* key) {
  static const Json kNothing;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : kNothing;
}

std::string percent(const Json& value) { return value.is_number() ? defuse::percent(value.get<double>(), 1) : ""; }

std::string day(const std::string& time) {
  auto shown = time.substr(0, 16);
  std::replace(shown.begin(), shown.end(), 'T', ' ');
  return shown;
}

std::string verdict_or_state(const Json& version) {
  const auto word = text(version, "verdict");
  return word.empty() ? text(version, "state") : word;
}

// ok is believed over the word: what is not ok is never 0.
int exit_of_verdict(const Json& body) {
  const auto word = verdict_state_from(text(body, "verdict"));
  if (!word) return kError;
  const bool ok = part(body, "ok").is_boolean() && part(body, "ok").get<bool>();
  if (*word == VerdictState::pass && !ok) return kError;
  return exit_of(*word);
}

// "judgement 3 on this test split, 1 of those before it failed; violations were tested at 0.34 % of 5 % (correction:
// lond)". Empty where nobody counted.
std::string stream_words(const Json& evidence) {
  const auto& position = part(evidence, "position");
  if (!position.is_number_integer()) return "";
  const auto place = position.get<std::int64_t>();
  auto words = fmt::format("judgement {} on this test split", place);
  if (const auto& before = part(evidence, "rejections"); place > 1 && before.is_number_integer())
    words += fmt::format(", {} of those before it failed", before.get<std::int64_t>());
  const auto& level = part(evidence, "level");
  const auto& alpha = part(evidence, "alpha");
  const auto correction = text(evidence, "correction");
  if (!level.is_number() || !alpha.is_number() || correction.empty()) return words;
  words += correction == "none"
               ? fmt::format("; each is tested at the full level of {:.3g} %", 100 * alpha.get<double>())
               : fmt::format("; violations were tested at {:.3g} % of {:.3g} %", 100 * level.get<double>(),
                             100 * alpha.get<double>());
  return words + " (correction: " + correction + ")";
}

std::vector<std::vector<std::string>> model_rows(const Json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& model : list)
    rows.push_back({text(model, "model"),
                    text(part(model, "incumbent"), "version") +
                        (text(part(model, "incumbent"), "kind") == "override" ? " (override)" : ""),
                    text(part(model, "latest"), "version"), verdict_or_state(part(model, "latest")),
                    text(part(model, "latest"), "reason")});
  return rows;
}

// "signature missing: …", or by whose key it was made; nothing where nobody asks.
std::string signature_words(const Json& signature) {
  const auto problem = text(signature, "problem");
  if (!problem.empty()) return "SIGNATURE " + text(signature, "state") + ": " + problem;
  const auto key = text(signature, "key");
  return key.empty() ? "" : "signed by " + key;
}

// "sandbox: rlimits, …, seccomp; memory by a control group", or what is missing, first. Empty for a daemon that does
// not say.
std::string sandbox_words(const Json& sandbox) {
  if (!sandbox.is_object()) return "";
  const auto words = [&](const char* key) {
    std::string list;
    for (const auto& layer : part(sandbox, key))
      if (layer.is_string()) list += (list.empty() ? "" : ", ") + layer.get<std::string>();
    return list;
  };
  const auto missing = words("missing");
  return "sandbox of workers: " + (missing.empty() ? std::string() : "missing " + missing + "; in force ") +
         words("in_force") + "; memory by " + text(sandbox, "memory");
}

const std::vector<std::string> kModelHead = {"MODEL", "PRODUCTION", "NEWEST", "VERDICT", "REASON"};

}  // namespace

int status(const Remote& remote, Console& console) {
  const auto answer = remote.get("/v1/models");
  if (!answer) return console.failed(answer.error());
  const auto queue = remote.get("/v1/jobs?limit=20");
  if (!queue) return console.failed(queue.error());
  const auto registry = text(*answer, "registry_problem");
  const bool ready = part(*answer, "ready").is_boolean() && part(*answer, "ready").get<bool>();
  const int exit = ready && registry.empty() ? kPass : kError;
  if (console.json) {
    Json both = *answer;
    both["jobs"] = part(*queue, "jobs");
    console.print(both);
    return exit;
  }
  console.line(text(*answer, "program") + ", up since " + day(text(*answer, "started")) +
               (ready ? "" : ", not ready yet"));
  console.line(registry.empty() ? "registry read " + day(text(*answer, "last_successful_poll"))
                                : "registry: " + registry);
  if (const auto words = sandbox_words(part(*answer, "sandbox")); !words.empty()) console.line(words);
  const auto refused = text(*answer, "config_problem");
  if (!refused.empty()) console.line("the last reload was refused: " + refused);
  for (const auto& warning : part(*answer, "warnings"))
    if (warning.is_string()) console.line("warning: " + warning.get<std::string>());
  console.line("");
  console.table(kModelHead, model_rows(part(*answer, "models")));
  std::vector<std::vector<std::string>> rows;
  for (const auto& job : part(*queue, "jobs")) {
    const auto state = text(job, "state");
    if (state != "queued" && state != "running") continue;
    rows.push_back(
        {text(job, "id"), text(job, "kind"), text(job, "model") + "/" + text(job, "version"), state,
         text(job, "station"),
         state == "running" ? percent(part(job, "progress")) + Console::until(text(job, "station_ends")) : ""});
  }
  if (!rows.empty()) {
    console.line("");
    console.table({"JOB", "KIND", "VERSION", "STATE", "STATION", "PROGRESS"}, rows);
  }
  return exit;
}

int models(const Remote& remote, Console& console) {
  const auto answer = remote.get("/v1/models");
  if (!answer) return console.failed(answer.error());
  if (console.json)
    console.print(*answer);
  else
    console.table(kModelHead, model_rows(part(*answer, "models")));
  return kPass;
}

int versions(const Remote& remote, Console& console, const std::string& model) {
  Json all = Json::array();
  std::string before;
  do {
    const auto page = remote.get(model_path(model) + "/versions?limit=1000" +
                                 (before.empty() ? "" : "&before=" + percent_encode(before)));
    if (!page) return console.failed(page.error());
    for (const auto& version : part(*page, "versions")) all.push_back(version);
    const auto next = text(*page, "next");
    before = next == before ? "" : next;
  } while (!before.empty());
  if (console.json) {
    console.print({{"model", model}, {"versions", all}});
    return kPass;
  }
  std::vector<std::vector<std::string>> rows;
  bool any_incumbent = false;
  for (const auto& version : all) {
    const bool incumbent = part(version, "incumbent").is_boolean() && part(version, "incumbent").get<bool>();
    any_incumbent = any_incumbent || incumbent;
    rows.push_back({text(version, "version") + (incumbent ? " *" : ""), verdict_or_state(version),
                    day(text(version, "judged_at")), text(version, "judged_against"), text(version, "reason")});
  }
  console.table({"VERSION", "VERDICT", "JUDGED", "AGAINST", "REASON"}, rows);
  if (any_incumbent) console.say("* in production");
  return kPass;
}

int verdict(const Remote& remote, Console& console, const std::string& model, const std::string& version) {
  const auto answer = remote.get(version_path(model, version) + "/verdict");
  if (!answer) return console.failed(answer.error());
  const int exit = exit_of_verdict(*answer);
  if (console.json) {
    console.print(*answer);
    return exit;
  }
  console.raw(Console::plain(model + " " + version) + ": " + console.word(verdict_or_state(*answer)) + "\n");
  console.line(text(*answer, "reason"));
  for (const auto& reason : part(*answer, "reasons"))
    if (reason.is_string() && reason != part(*answer, "reason")) console.line("- " + reason.get<std::string>());
  if (const auto words = stream_words(part(*answer, "evidence")); !words.empty()) console.line(words);
  if (const auto words = signature_words(part(*answer, "signature")); !words.empty()) console.line(words);
  std::vector<std::vector<std::string>> rows;
  for (const auto& check : part(*answer, "checks"))
    rows.push_back({text(check, "check"), text(check, "mode"), text(check, "state"), text(check, "reason")});
  if (!rows.empty()) {
    console.line("");
    console.table({"CHECK", "MODE", "RESULT", "WHY"}, rows);
  }
  for (const auto& finding : part(*answer, "findings")) {
    if (text(finding, "decision") != "violation") continue;
    const auto waiver = text(finding, "waiver");
    console.line("");
    console.line(text(finding, "id") + (waiver.empty() ? "" : " (waived by " + waiver + ")"));
    console.line("  " + text(finding, "sentence"));
  }
  for (const auto& warning : part(*answer, "warnings"))
    if (warning.is_string()) console.say("warning: " + warning.get<std::string>());
  return exit;
}

int regions(const Remote& remote, Console& console, const std::string& model) {
  const auto answer = remote.get(model_path(model) + "/regions?limit=1000");
  if (!answer) return console.failed(answer.error());
  if (console.json) {
    console.print(*answer);
    return kPass;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& region : part(*answer, "regions"))
    rows.push_back({text(region, "id"), text(region, "status"), text(region, "first_version"),
                    text(region, "last_version"), percent(part(region, "candidate_error")), text(region, "human_label"),
                    text(region, "sentence")});
  console.table({"REGION", "STATE", "FIRST", "LAST", "ERROR", "LABEL", "WHAT"}, rows);
  if (!text(*answer, "next").empty()) console.say("there are more; the API pages through them (?before=)");
  return kPass;
}

int list_waivers(const Remote& remote, Console& console, const std::string& model) {
  const auto answer = remote.get("/v1/waivers" + (model.empty() ? "" : "?model=" + percent_encode(model)));
  if (!answer) return console.failed(answer.error());
  if (console.json) {
    console.print(*answer);
    return kPass;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& waiver : part(*answer, "waivers")) {
    const bool live = part(waiver, "live").is_boolean() && part(waiver, "live").get<bool>();
    rows.push_back({text(waiver, "id"), text(waiver, "model"), text(waiver, "finding"),
                    text(waiver, "expires").substr(0, 10) + (live ? "" : " (expired)"), text(waiver, "approved_by"),
                    text(waiver, "ticket"), text(waiver, "reason")});
  }
  console.table({"WAIVER", "MODEL", "FINDING", "UNTIL", "APPROVED BY", "TICKET", "REASON"}, rows);
  return kPass;
}

int report(const Remote& remote, Console& console, const ReportRequest& request) {
  const auto bytes =
      remote.fetch(version_path(request.model, request.version) + "/report?format=" + percent_encode(request.format));
  if (!bytes) return console.failed(bytes.error());
  if (request.file.empty() || request.file == "-") {
    console.raw(*bytes);
    return kPass;
  }
  if (const auto written = write_atomically(request.file, *bytes); !written) return console.failed(written.error());
  console.say("wrote " + request.file);
  return kPass;
}

}  // namespace defuse::ctl
