#include "daemon/actions/present_version.h"

#include "daemon/live/verdict_files.h"

namespace defuse {

Result<VersionRow> present_version(Store& store, const ReadModel& read, const ModelName& model,
                                   const Version& version) {
  const auto config = read.config();
  if (!config->models.contains(model)) return fail(ErrorCode::not_found, "no model named " + model + " is configured");
  TRY(row, store.versions.current(model, version));
  if (!row) return fail(ErrorCode::not_found, "no version " + version + " of model " + model);
  if (row->presence == VersionPresence::deleted)
    return fail(ErrorCode::conflict, model + "/" + version + " is no longer in the registry");
  if (is_being_written(read, *row)) return fail(ErrorCode::conflict, model + "/" + version + " is being written again");
  const auto signature = weigh_signature(row->signature, config->signature_of(model));
  if (signature.refused())
    return fail(ErrorCode::conflict, model + "/" + version + " is not signed as it must be: " + signature.problem);
  return *row;
}

}  // namespace defuse
