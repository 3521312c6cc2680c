#include "config/config.h"
#include "config/fields.h"
#include "core/base/document_writer.h"

namespace defuse {

Json to_json(const Config& config) { return write_document(config); }
Json to_json(const ModelSettings& settings) { return write_document(settings); }

}  // namespace defuse
