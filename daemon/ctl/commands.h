// The verbs of defusectl, one function each; parsing is in ctl.cc. Every one returns the process's exit code: 0 pass or
// done, 1 fail, 2 usage or configuration, 3 inconclusive, 4 error or not judged, 124 timed out. None throws.
#pragma once
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/repair/repair.h"
#include "daemon/client/remote.h"
#include "daemon/ctl/console.h"
#include "daemon/local/local_job.h"

namespace defuse::ctl {

// -- asking (read.cc)
int status(const Remote& remote, Console& console);
int models(const Remote& remote, Console& console);
int versions(const Remote& remote, Console& console, const std::string& model);
int verdict(const Remote& remote, Console& console, const std::string& model, const std::string& version);
int regions(const Remote& remote, Console& console, const std::string& model);
int list_waivers(const Remote& remote, Console& console, const std::string& model);
struct ReportRequest {
  std::string model;
  std::string version;
  std::string format = "markdown";
  std::string file;  // empty: stdout
};
int report(const Remote& remote, Console& console, const ReportRequest& request);

// -- waiting (wait.cc)
struct WaitRequest {
  std::string model;
  std::string version;
  std::chrono::milliseconds timeout{std::chrono::minutes(30)};
  std::chrono::milliseconds poll{1000};
  std::chrono::milliseconds patience{std::chrono::minutes(1)};  // with a daemon that answered before and now does not
};
int wait(const Remote& remote, Console& console, const WaitRequest& request);

// -- acting (act.cc)
int promote(const Remote& remote, Console& console, const std::string& model, const std::string& version,
            const std::string& reason, bool override_verdict);
int rollback(const Remote& remote, Console& console, const std::string& model, const std::string& reason);
int retry(const Remote& remote, Console& console, const std::string& model, const std::string& version);
int cancel(const Remote& remote, Console& console, const std::string& job);
int label(const Remote& remote, Console& console, const std::string& region, const std::string& word,
          const std::string& note);
struct LabelFile {
  std::string model;
  std::string format = "csv";  // or "json"
  std::filesystem::path file;  // empty: stdout
};
int export_labels(const Remote& remote, Console& console, const LabelFile& wanted);
int import_labels(const Remote& remote, Console& console, const std::filesystem::path& file);
struct WaiverRequest {
  std::string model;
  std::string finding;
  std::vector<std::string> versions;
  std::string reason;
  std::string ticket;
  std::string approved_by;
  std::string expires;  // date or time
};
int add_waiver(const Remote& remote, Console& console, const WaiverRequest& request);
int remove_waiver(const Remote& remote, Console& console, const std::string& id);

// -- without a daemon (local.cc, evaluate.cc, correct.cc)
int config_check(Console& console, const std::filesystem::path& file);
int dataset_inspect(Console& console, const std::filesystem::path& config, const std::string& model);
struct TokenPlace {
  std::string state_dir;  // one of the two
  std::string config;
};
// `expires`: a date, a time or a span such as 90d; empty: never.
int token_create(Console& console, const TokenPlace& place, const std::string& name, const std::string& scope,
                 const std::string& expires, const Clock& clock);
int token_list(Console& console, const TokenPlace& place, const Clock& clock);
int token_revoke(Console& console, const TokenPlace& place, const std::string& name);
int audit_verify(Console& console, const TokenPlace& place, const Clock& clock);
struct EvaluateRequest {
  local::GateRequest gate;
  std::filesystem::path report;  // folder to write; the cache goes below it where the gate names no other place
  std::filesystem::path work;    // empty: a temporary folder
};
int evaluate(Console& console, const EvaluateRequest& request, const Clock& clock);
// (sign.cc) A version's folder; its names are those of the place where it lies, unless said otherwise.
struct SignedFolder {
  std::filesystem::path folder;
  std::string model;
  std::string version;
};
struct SignRequest {
  SignedFolder of;
  std::filesystem::path key;  // private, PEM
};
int sign(Console& console, const SignRequest& request);
struct VerifyRequest {
  SignedFolder of;
  std::vector<std::filesystem::path> keys;  // public, PEM
  std::filesystem::path config;             // whose keys count as well
};
int verify(Console& console, const VerifyRequest& request);  // 0 valid, 1 anything else
struct WantedRepair {
  std::string model;
  std::string version;
  std::vector<std::string> regions;  // ids; empty: those that the gate found and people did not set aside
  RepairSettings settings;
  std::filesystem::path out;  // folder for the tuned model
};
struct CorrectRequest {
  WantedRepair wanted;
  std::filesystem::path config;
  std::filesystem::path candidate;  // the version to be repaired
  std::filesystem::path incumbent;  // the one in production; empty: none
  std::filesystem::path gate;       // report folder of the version's gate
  std::filesystem::path cache;      // empty: that of the gate's report
};
int correct(Console& console, const CorrectRequest& request);
// The table of a repair's runs, and what the chosen one repaired.
void tell_repair(Console& console, const RepairResult& result);

// -- by the daemon (correct_remote.cc)
struct RemoteRepair {
  WantedRepair wanted;
  std::string job;  // follows this one instead of ordering one
  std::chrono::milliseconds timeout{std::chrono::hours(2)};
  std::chrono::milliseconds poll{1000};
  std::chrono::milliseconds patience{std::chrono::minutes(1)};  // as WaitRequest
};
int correct(const Remote& remote, Console& console, const RemoteRepair& request);

// 30m, 90s, 1.5h, 14d; `invalid_input` otherwise.
Result<std::chrono::milliseconds> parse_span(const std::string& text);

}  // namespace defuse::ctl
