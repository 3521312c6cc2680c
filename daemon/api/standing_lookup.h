// Gathers from the store, the configuration and the last look at the registry what the law is told
// (core/verdict/standing.h, trust.h). Only reads; one call, one thread.
#pragma once
#include <string>

#include "core/verdict/standing.h"
#include "core/verdict/trust.h"
#include "daemon/api/read_model.h"

namespace defuse {

// Read once per request.
Result<ModelFacts> model_facts(const ModelName& model, const ReadModel& read, Store& store);

Result<Standing> standing_of(const ModelFacts& facts, const VersionRow& row, Store& store);
// `version` may be anything; it need not exist.
Result<Standing> standing_of(const ModelFacts& facts, const Version& version, Store& store);

// Why nothing may rest on this artifact of the line, which may have left the registry.
Result<Distrust> distrust(Store& store, const SignatureSettings& settings, const ModelName& model,
                          const Version& version, const Digest& digest);

}  // namespace defuse
