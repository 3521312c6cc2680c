// The one check that all actions on a version begin with.
#pragma once
#include <string>

#include "core/store/store.h"
#include "daemon/api/read_model.h"

namespace defuse {

// The version as it lies in the registry now. `not_found`; `conflict` with the reason where nothing may be done with
// it: it is gone, is being written, or is not signed as it must be.
Result<VersionRow> present_version(Store& store, const ReadModel& read, const ModelName& model, const Version& version);

}  // namespace defuse
