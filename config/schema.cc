#include "config/schema.h"

#include "config/fields.h"
#include "core/base/schema_writer.h"

namespace defuse {

Json config_schema() {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
              {"title", "defused configuration, version 1"}};
  schema.update(schema_of<Config>());
  return schema;
}

}  // namespace defuse
