#include "config/config.h"
#include "config/encode.h"
#include "config/fields.h"

namespace defuse {

Json to_json(const Config& config) { return Encoder::encode(config); }
Json to_json(const ModelSettings& settings) { return Encoder::encode(settings); }

}  // namespace defuse
