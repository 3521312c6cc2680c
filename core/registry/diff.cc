#include "core/registry/diff.h"

#include <map>
#include <set>
#include <utility>

namespace defuse {

RegistryChanges difference(const RegistrySnapshot& snapshot, const std::vector<KnownVersion>& known,
                           const std::vector<std::string>& watched) {
  using Key = std::pair<std::string, std::string>;
  const std::set<std::string> models(watched.begin(), watched.end());
  std::map<Key, const KnownVersion*> before;
  for (const auto& version : known)
    if (models.contains(version.model)) before.emplace(Key{version.model, version.version}, &version);

  RegistryChanges changes;
  std::set<Key> present;
  std::set<std::string> hidden;  // models whose folder could not be read at all
  for (const auto& entry : snapshot.entries) {
    if (!models.contains(entry.model)) continue;
    const Key key{entry.model, entry.version};
    if (entry.state != EntryState::ready) changes.not_ready.push_back(entry);
    if (entry.version.empty()) hidden.insert(entry.model);
    // A version that is being written again is still there; a refused one cannot be read, so it counts as gone.
    if (entry.state == EntryState::refused) continue;
    present.insert(key);
    if (entry.state != EntryState::ready) continue;
    const auto found = before.find(key);
    const bool unchanged =
        found != before.end() && found->second->present && found->second->fingerprint == entry.fingerprint;
    if (!unchanged) changes.to_hash.push_back(entry);
  }
  for (const auto& [key, version] : before)
    if (version->present && !present.contains(key) && !hidden.contains(version->model))
      changes.deleted.push_back(*version);
  return changes;
}

}  // namespace defuse
