// What HTTP handlers may ask and do. `ReadModel` answers from read-only store connections and small shared state;
// `Actions` carries writes to the daemon's main strand and waits for the answer. Both are implemented by the
// daemon (LiveState, ActionsOnStrand) and by fakes in tests. Handlers run on threads of their own; both interfaces are
// thread-safe.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "core/base/result.h"
#include "core/registry/source.h"
#include "core/repair/repair.h"
#include "core/store/store.h"
#include "core/wire/sandbox_state.h"

namespace defuse {

struct DaemonStatus {
  bool ready = false;            // first scan done, port bound
  std::string registry_problem;  // empty while the registry can be read
  TimePoint last_successful_poll;
  std::vector<RegistryEntry> not_ready;  // settling or refused versions
  std::vector<std::string> warnings;
  TimePoint started;
  std::string config_problem;           // why the last reload was refused; empty if it was taken
  std::optional<SandboxState> sandbox;  // of workers on this machine; unset until one has said it
  std::string memory_limit;             // who keeps a worker's memory within its limit, for people
  TimePoint certificate_expires;        // of the one in use; the epoch without TLS
  std::string certificate_problem;      // why the one on disk is not the one in use, or that it is expiring
};

// Passing on of "something changed" to SSE clients: JSON text of one event.
using EventSink = std::function<void(const std::string& type, const Json& data)>;

class ReadModel {
 public:
  virtual ~ReadModel() = default;
  virtual std::shared_ptr<const Config> config() const = 0;
  virtual DaemonStatus status() const = 0;
  // A read-only store for the calling thread; the pointer stays valid for that thread.
  virtual Result<Store*> store() const = 0;
  virtual std::string metrics() const = 0;  // Prometheus text
  virtual const Clock& clock() const = 0;
  // Newest event id, and events after `id` (bounded history); waits up to `wait` for one. For /v1/events.
  struct Event {
    std::uint64_t id = 0;
    std::string type;
    std::string data;
  };
  virtual std::vector<Event> events_after(std::uint64_t id, std::chrono::milliseconds wait) const = 0;
};

struct RepairRequest {
  std::vector<std::string> regions;  // empty: every new or worse one that people did not set aside
  RepairSettings settings;
};

class Actions {
 public:
  virtual ~Actions() = default;
  virtual Result<std::int64_t> evaluate(const ModelName& model, const Version& version, const std::string& who) = 0;
  // Returns the job. `conflict` where there is nothing to repair, or where another repair of that version is open.
  virtual Result<std::int64_t> correct(const ModelName& model, const Version& version, const RepairRequest& wanted,
                                       const std::string& who) = 0;
  // `kind`: promote or override_verdict.
  virtual Result<void> promote(const ModelName& model, const Version& version, const std::string& reason,
                               PromotionKind kind, const std::string& who) = 0;
  virtual Result<std::string> rollback(const ModelName& model, const std::string& reason, const std::string& who) = 0;
  virtual Result<void> cancel(std::int64_t job, const std::string& who) = 0;
  virtual Result<void> label_region(const RegionId& id, const std::string& label, const std::string& note,
                                    const std::string& who) = 0;
  virtual Result<std::string> add_waiver(Waiver waiver, const std::string& who) = 0;
  virtual Result<void> remove_waiver(const std::string& id, const std::string& who) = 0;
};

}  // namespace defuse
