// A daemon's world for HTTP tests: a real store in a temporary folder, a configuration with one model, a clock that
// stands still, and actions that only remember. Requests are values; no socket unless a test starts a server.
#pragma once
#include <atomic>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/store/store.h"
#include "daemon/api/api.h"
#include "daemon/api/read_model.h"
#include "daemon/http/routes.h"
#include "daemon/state/tokens.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {

class FakeReadModel final : public ReadModel {
 public:
  FakeReadModel(std::filesystem::path database, const Clock& clock) : database_(std::move(database)), clock_(clock) {}

  std::shared_ptr<const Config> config() const override { return settings; }
  DaemonStatus status() const override {
    if (on_status) on_status();
    return daemon;
  }
  Result<Store*> store() const override {
    if (store_problem) return tl::unexpected<Error>(*store_problem);
    const std::lock_guard lock(mutex_);
    auto& mine = stores_[std::this_thread::get_id()];
    if (!mine) {
      TRY(opened, Store::open(database_, Store::Mode::read_only, clock_));
      mine = std::move(opened);
    }
    return mine.get();
  }
  std::string metrics() const override {
    ++asked;
    if (held) held->wait();
    if (throws) throw std::runtime_error("a bug");
    return metrics_text;
  }
  const Clock& clock() const override { return clock_; }
  std::vector<Event> events_after(std::uint64_t id, std::chrono::milliseconds) const override {
    const std::lock_guard lock(mutex_);
    std::vector<Event> later;
    for (const auto& event : events)
      if (event.id > id) later.push_back(event);
    return later;
  }

  std::shared_ptr<Config> settings = std::make_shared<Config>();
  DaemonStatus daemon;
  std::optional<Error> store_problem;
  std::vector<Event> events;
  std::string metrics_text = "defused_jobs{state=\"queued\"} 0\n";
  bool throws = false;                 // in metrics()
  mutable std::atomic<int> asked = 0;  // how often metrics() was
  std::latch* held = nullptr;          // metrics() waits for it
  std::function<void()> on_status;     // when a handler asks how the daemon is

 private:
  std::filesystem::path database_;
  const Clock& clock_;
  mutable std::mutex mutex_;
  mutable std::map<std::thread::id, std::unique_ptr<Store>> stores_;
};

// Remembers what it was asked; answers with `refusal` if there is one.
class FakeActions final : public Actions {
 public:
  Result<std::int64_t> evaluate(const ModelName& model, const Version& version, const std::string& who) override {
    return note<std::int64_t>("evaluate " + model + " " + version + " by " + who, 42);
  }
  Result<std::int64_t> correct(const ModelName& model, const Version& version, const RepairRequest& wanted,
                               const std::string& who) override {
    last_correction = wanted;
    return note<std::int64_t>("correct " + model + " " + version + " by " + who, repair_job);
  }
  Result<void> promote(const ModelName& model, const Version& version, const std::string& reason, PromotionKind kind,
                       const std::string& who) override {
    return note("promote " + model + " " + version + (kind == PromotionKind::override_verdict ? " over the gate" : "") +
                " because " + reason + " by " + who);
  }
  Result<std::string> rollback(const ModelName& model, const std::string& reason, const std::string& who) override {
    return note<std::string>("rollback " + model + " because " + reason + " by " + who, "1");
  }
  Result<void> cancel(std::int64_t job, const std::string& who) override {
    return note("cancel " + std::to_string(job) + " by " + who);
  }
  Result<void> label_region(const RegionId& id, const std::string& label, const std::string& text,
                            const std::string& who) override {
    return note("label " + id + " " + label + " because " + text + " by " + who);
  }
  Result<std::string> add_waiver(Waiver waiver, const std::string& who) override {
    last_waiver = waiver;
    return note<std::string>("waive " + waiver.finding + " by " + who, "w-1");
  }
  Result<void> remove_waiver(const std::string& id, const std::string& who) override {
    return note("unwaive " + id + " by " + who);
  }

  std::vector<std::string> asked;
  std::optional<Error> refusal;
  Waiver last_waiver;
  RepairRequest last_correction;
  std::int64_t repair_job = 43;

 private:
  template <class T>
  Result<T> note(std::string words, T answer) {
    asked.push_back(std::move(words));
    if (refusal) return tl::unexpected<Error>(*refusal);
    return answer;
  }
  Result<void> note(std::string words) {
    asked.push_back(std::move(words));
    if (refusal) return tl::unexpected<Error>(*refusal);
    return {};
  }
};

Digest digest_of(const std::string& name);  // a digest's shape, from a word

class World {
 public:
  World();

  // -- filling
  void release(const std::string& version, const std::string& digest_word);
  std::int64_t enqueue(const std::string& version, const std::string& digest_word);
  void start(std::int64_t job);
  // A finished job with this verdict, judged against `incumbent` (a digest word, "" for none). The report folder holds
  // report.* files and one picture.
  void judge(const std::string& version, const std::string& digest_word, VerdictState state,
             const std::string& incumbent = "", std::vector<Finding> findings = {},
             std::vector<NewRegion> regions = {});
  // The verdict.json of the latest job of this version, as judge() leaves none.
  void write_document(const std::string& version, const std::string& digest_word, const Json& document);
  void promote(const std::string& version, const std::string& digest_word);
  std::string make_token(const std::string& name, Scope scope);

  // -- asking
  ApiResponse ask(const std::string& method, const std::string& target, const std::string& body = "",
                  const std::string& token = "");
  ApiResponse get(const std::string& target) { return ask("GET", target); }
  Json get_json(const std::string& target);

  TempTree tree{TempTree::In::memory};
  FakeClock clock;
  std::unique_ptr<Store> store;
  FakeReadModel read{tree / "defused.db", clock};
  FakeActions actions;
  TokenBook tokens{tree.root()};
  bool loopback = true;
  std::map<std::string, std::string> headers;
};

Finding violation(const std::string& id, const std::string& waiver = "");
std::string header_of(const ApiResponse& response, const std::string& name);
extern const std::string kPng;  // the smallest thing that counts as a picture

}  // namespace defuse::testing
