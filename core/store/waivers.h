// Waivers: dated, reasoned exceptions. Whether one covers anything at a given time is decide()'s business.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/store/audit_log.h"
#include "core/verdict/records.h"

namespace defuse {

// A waiver with what became of it.
struct WaiverRow {
  Waiver waiver;
  std::optional<TimePoint> removed;
  bool in_use = false;  // the verdict that stands on some version in the registry leans on it
};

class WaiverStore {
 public:
  WaiverStore(Database& database, const Clock& clock, AuditLog& audit)
      : database_(database), clock_(clock), audit_(audit) {}

  Result<std::string> add(const Waiver& waiver, const std::string& who);  // returns its id
  Result<void> remove(const std::string& id, const std::string& who);
  Result<std::vector<Waiver>> of(const ModelName& model);       // all of that model; "" = every model
  Result<std::vector<WaiverRow>> rows(const ModelName& model);  // removed ones too, newest first

 private:
  std::string new_id(Transaction& in, const Waiver& waiver);

  Database& database_;
  const Clock& clock_;
  AuditLog& audit_;
};

}  // namespace defuse
