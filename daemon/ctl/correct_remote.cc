// `defusectl correct MODEL VERSION`: has the daemon repair a version, follows the job, and fetches what comes of it.
// The job goes on whatever becomes of this program: asking for the same again takes it up, and --job comes back to it
// later.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "core/base/files.h"
#include "daemon/ctl/commands.h"

namespace defuse::ctl {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

// Only what differs from the defaults, which are the daemon's.
Json body_of(const RemoteRepair& request) {
  Json body = Json::object();
  if (!request.wanted.regions.empty()) body["regions"] = request.wanted.regions;
  const Json defaults = to_json(RepairSettings{});
  const Json settings = to_json(request.wanted.settings);
  for (const auto& item : settings.items())
    if (item.value() != defaults[item.key()]) body[item.key()] = item.value();
  return body;
}

Result<std::string> order(const Remote& remote, const RemoteRepair& request) {
  TRY(answer,
      remote.act("POST", version_path(request.wanted.model, request.wanted.version) + "/correct", body_of(request)));
  const auto job = answer.find("job");
  if (job == answer.end() || !job->is_number_integer()) return fail(ErrorCode::corrupt, "the answer names no job");
  return std::to_string(job->get<std::int64_t>());
}

std::string describe(const Json& job) {
  const auto state = text(job, "state");
  if (state != "running") return state + (text(job, "error").empty() ? "" : " (" + text(job, "error") + ")");
  const auto progress = job.find("progress");
  if (progress == job.end() || !progress->is_number() || text(job, "station").empty()) return state;
  return fmt::format("{}: {:.0f} %{}", text(job, "station"), 100 * progress->get<double>(),
                     Console::until(text(job, "station_ends")));
}

// The end of the job: kPass if it is done; else the exit code, and why is said.
int follow(const Remote& remote, Console& console, const std::string& job, const RemoteRepair& request) {
  const auto deadline = Steady::now() + request.timeout;
  auto last_answer = Steady::now();
  std::string words = "the daemon did not answer";
  for (;;) {
    const auto reply = remote.ask("GET", "/v1/jobs/" + job);
    const auto now = Steady::now();
    if (reply && reply->status == 200) {
      last_answer = now;
      words = describe(reply->body);
      const auto state = text(reply->body, "state");
      if (state == "done") return kPass;
      if (state == "failed" || state == "cancelled")
        return console.failed({ErrorCode::internal, "job " + job + " is " + words, {}});
    } else if (reply && reply->status < 500) {
      return console.failed(refusal(reply->status, reply->body));
    } else {
      words = reply ? refusal(reply->status, reply->body).message : reply.error().describe();
    }
    if (now - last_answer > request.patience) return console.failed({ErrorCode::unavailable, words, {}});
    if (now >= deadline) {
      console.say("defusectl: job " + job + " has not ended in time: " + words);
      return kTimedOut;
    }
    console.progress("job " + job + ": " + words);
    std::this_thread::sleep_for(std::min<Steady::duration>(request.poll, deadline - now));
  }
}

// What is in the folder already is a version that somebody may rely on.
Result<void> free_folder(const fs::path& folder) {
  std::error_code ignored;
  if (fs::exists(folder / "model.pt", ignored))
    return fail(ErrorCode::invalid_input, "--out: " + folder.string() + " holds a model already");
  return {};
}

// model.pt last, under a hidden name until all of it is there and is what the manifest promises: the folder may be one
// of a registry, which a daemon watches.
Result<void> fetch(const Remote& remote, const std::string& job, const Json& correction, const fs::path& folder) {
  const auto path = "/v1/jobs/" + job + "/correction/";
  TRY_OK(free_folder(folder));
  TRY(manifest, remote.get(path + "manifest.json"));
  TRY_OK(make_folder(folder));
  const auto hidden = folder / ".model.pt.part";
  std::error_code ignored;
  const auto fetched = [&]() -> Result<void> {
    TRY(digest, remote.download(path + "model.pt", hidden));
    if (digest != text(manifest, "sha256"))
      return fail(ErrorCode::corrupt, "the model that came has another digest than its manifest names");
    TRY_OK(write_atomically(folder / "manifest.json", dump_json(manifest, 2) + "\n"));
    std::string labels;
    for (const auto& label : correction.value("labels", Json::array()))
      if (label.is_string()) labels += label.get<std::string>() + "\n";
    if (!labels.empty()) TRY_OK(write_atomically(folder / "labels.txt", labels));
    return rename_synced(hidden, folder / "model.pt");
  }();
  if (!fetched) fs::remove(hidden, ignored);
  return fetched;
}

}  // namespace

int correct(const Remote& remote, Console& console, const RemoteRepair& request) {
  const bool keeps = !request.wanted.out.empty();
  if (keeps)
    if (const auto fine = free_folder(request.wanted.out); !fine) return console.failed(fine.error());
  auto job = request.job.empty() ? order(remote, request) : Result<std::string>(request.job);
  if (!job) return console.failed(job.error());
  if (request.job.empty())
    console.say("job " + *job + " repairs " + request.wanted.model + " " + request.wanted.version);
  if (const int code = follow(remote, console, *job, request); code != kPass) return code;
  const auto answer = remote.get("/v1/jobs/" + *job + "/correction");
  if (!answer) return std::max<int>(console.failed(answer.error()), kError);
  const auto found = answer->find("result");
  const auto result = repair_result_from_json(found == answer->end() ? Json() : *found);
  if (!result) return std::max<int>(console.failed(result.error()), kError);
  if (console.json)
    console.print(*answer);
  else
    tell_repair(console, *result);
  if (!result->chosen) return kFail;
  if (keeps) {
    if (const auto got = fetch(remote, *job, *answer, request.wanted.out); !got)
      return std::max<int>(console.failed(got.error()), kError);
    console.say("model: " + (request.wanted.out / "model.pt").string());
  } else {
    console.say("model: defusectl correct --job " + *job + " --out FOLDER");
  }
  return kPass;
}

}  // namespace defuse::ctl
