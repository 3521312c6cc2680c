// Verbs that change something on a daemon. Each needs a token with the scope operate; the daemon decides and keeps the
// record.
#include "core/base/url.h"
#include "daemon/ctl/commands.h"

namespace defuse::ctl {
namespace {

int done(Console& console, const Result<Json>& answer, const std::string& words) {
  if (!answer) return console.failed(answer.error());
  if (console.json)
    console.print(answer->is_null() ? Json::object() : *answer);
  else
    console.say(words);
  return kPass;
}

std::string field(const Result<Json>& answer, const char* key) {
  if (!answer || !answer->is_object()) return "";
  const auto found = answer->find(key);
  if (found == answer->end()) return "";
  return found->is_string() ? found->get<std::string>() : dump_json(*found);
}

}  // namespace

int promote(const Remote& remote, Console& console, const std::string& model, const std::string& version,
            const std::string& reason, bool override_verdict) {
  const auto answer = remote.act("POST", version_path(model, version) + "/promote",
                                 {{"reason", reason}, {"override", override_verdict}}, Remote::kLongPatience);
  return done(console, answer, model + " " + version + " is in production now");
}

int rollback(const Remote& remote, Console& console, const std::string& model, const std::string& reason) {
  const auto answer = remote.act("POST", model_path(model) + "/rollback", {{"reason", reason}}, Remote::kLongPatience);
  return done(console, answer, model + " " + field(answer, "incumbent") + " is in production again");
}

int retry(const Remote& remote, Console& console, const std::string& model, const std::string& version) {
  const auto answer = remote.act("POST", version_path(model, version) + "/evaluate");
  return done(console, answer, "job " + field(answer, "job") + " will judge " + model + " " + version);
}

int cancel(const Remote& remote, Console& console, const std::string& job) {
  return done(console, remote.act("DELETE", "/v1/jobs/" + percent_encode(job)), "job " + job + " is cancelled");
}

int label(const Remote& remote, Console& console, const std::string& region, const std::string& word,
          const std::string& note) {
  const auto answer = remote.act("PUT", "/v1/regions/" + percent_encode(region) + "/label",
                                 {{"label", word == "none" ? "" : word}, {"note", note}});
  return done(console, answer, "region " + region + " is labelled " + word);
}

int add_waiver(const Remote& remote, Console& console, const WaiverRequest& request) {
  Json body = {{"model", request.model},   {"finding", request.finding}, {"versions", request.versions},
               {"reason", request.reason}, {"ticket", request.ticket},   {"expires", request.expires}};
  if (!request.approved_by.empty()) body["approved_by"] = request.approved_by;
  const auto answer = remote.act("POST", "/v1/waivers", body);
  if (answer && !console.json) console.line(field(answer, "id"));
  return done(console, answer, request.finding + " is waived until " + field(answer, "expires"));
}

int remove_waiver(const Remote& remote, Console& console, const std::string& id) {
  return done(console, remote.act("DELETE", "/v1/waivers/" + percent_encode(id)), "waiver " + id + " is taken back");
}

}  // namespace defuse::ctl
