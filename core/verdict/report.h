// The last station: everything a person or a pipeline is told about one judged version. JSON is the truth (reports/);
// the other formats are renderings of it. Plain value.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/regions/label.h"
#include "core/registry/signature.h"
#include "core/verdict/job.h"
#include "core/verdict/verdict.h"

namespace defuse {

struct Report {
  ModelName model;
  Version version;
  Digest digest;
  TimePoint created;   // the only fields that differ between two runs of the same inputs: this one,
  double seconds = 0;  // this one and stations' times
  Verdict verdict;
  WorkerResult result;
  std::string cause;                              // for `error` without a result: why the worker could not finish
  std::map<RegionId, RegionLabel> region_labels;  // region id -> what people say of it
  double alpha = 0.05;
  SignatureView signature;              // who vouches for the version; `off` where nobody asks (defusectl evaluate)
  std::optional<TestReuse> test_reuse;  // how worn the test split is; unset if nothing was compared
  std::filesystem::path pictures;       // folder that holds the pictures the result names; not written into any report
};

}  // namespace defuse
