// Makes config-v1.schema.json out of the descriptions in fields.h, for editors that complete and check YAML. Called by
// a test (which compares the committed file with this) and by nobody else at run time.
#pragma once
#include "core/base/json.h"

namespace defuse {

Json config_schema();

}  // namespace defuse
