// From a registry entry that is ready to a candidate with its digest: hashes the artifact, verifies the manifest's
// promise and reads the labels and the signature (signature.h says what it is worth). Reads the whole artifact, so it
// belongs off the main strand. Stateless; thread-safe.
#pragma once
#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/registry/candidate.h"
#include "core/registry/source.h"

namespace defuse {

// `unavailable` if anything in the folder changed since the entry was made or while it was read (look again later);
// `corrupt` if the artifact is not the one that manifest.json promises; `not_found`, `io` or `exhausted` for files that
// cannot be read; `conflict` for an entry that is not ready.
Result<Candidate> identify(const RegistryEntry& entry, const Clock& clock);

}  // namespace defuse
