// The registry on disk, as the parts that the Watcher is made of. Called by main.cc and by tests of the whole daemon.
#pragma once
#include "core/base/clock.h"
#include "daemon/watch/watcher.h"

namespace defuse {

WatcherParts registry_parts(const Clock& clock);

}  // namespace defuse
