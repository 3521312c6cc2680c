// How often each test split of a line was used to judge a candidate, and which place a candidate has among them.
#pragma once
#include <string>

#include "core/base/result.h"
#include "core/store/database.h"
#include "core/verdict/records.h"
#include "core/verdict/test_reuse.h"

namespace defuse {

class JudgementStore {
 public:
  explicit JudgementStore(Database& database) : database_(database) {}

  // How the line's test splits were used so far, as candidate `digest` finds them.
  Result<JudgementHistory> history(const ModelName& model, const Digest& digest);

  void note(Transaction& in, const VerdictRow& verdict);  // keeps the place that a candidate had the first time

 private:
  Database& database_;
};

}  // namespace defuse
