// What a fresh look at the registry means for what is known. Pure function; the scheduler carries its answer out.
#pragma once
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/registry/signature.h"
#include "core/registry/source.h"

namespace defuse {

struct KnownVersion {
  ModelName model;
  Version version;
  std::string fingerprint;
  bool present = true;
  SignatureRecord signature = {};  // state and keys only
};

struct RegistryChanges {
  std::vector<RegistryEntry> to_hash;    // ready, and new or with another fingerprint, or back after deletion
  std::vector<KnownVersion> deleted;     // known and present before, absent now (also when merely refused)
  std::vector<RegistryEntry> not_ready;  // settling or refused, for status pages
};

// An entry with an empty version stands for a model folder that could not be read: nobody knows what is in it, so none
// of its versions is called deleted. `watched` names the models of the configuration; entries of other models are
// ignored.
RegistryChanges difference(const RegistrySnapshot& snapshot, const std::vector<KnownVersion>& known,
                           const std::vector<std::string>& watched);

}  // namespace defuse
