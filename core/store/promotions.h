// Incumbents: which version was in production when, and who put it there.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/store/audit_log.h"
#include "core/store/versions.h"
#include "core/verdict/records.h"

namespace defuse {

class PromotionStore {
 public:
  PromotionStore(Database& database, const Clock& clock, AuditLog& audit, VersionStore& versions)
      : database_(database), clock_(clock), audit_(audit), versions_(versions) {}

  Result<std::optional<PromotionRow>> incumbent(const ModelName& model);
  Result<std::vector<PromotionRow>> of(const ModelName& model);  // newest first
  // `conflict` where that version is another file now, or gone. Whether it may be promoted is not asked here
  // (core/verdict/promotion.h).
  Result<void> promote(const ModelName& model, const Version& version, const Digest& digest, PromotionKind kind,
                       const std::string& who, const std::string& reason);

 private:
  Database& database_;
  const Clock& clock_;
  AuditLog& audit_;
  VersionStore& versions_;
};

}  // namespace defuse
