#include "daemon/watch/registry_parts.h"

#include <memory>
#include <utility>

#include "core/registry/filesystem_source.h"
#include "core/registry/identify.h"
#include "core/registry/watch.h"

namespace defuse {
namespace {

class InotifySignal final : public ChangeSignal {
 public:
  explicit InotifySignal(RegistryWatch watch) : watch_(std::move(watch)) {}
  int descriptor() const override { return watch_.fd(); }
  Result<bool> take() override {
    TRY(events, watch_.drain());
    return events.changed || events.overflow;
  }

 private:
  RegistryWatch watch_;
};

}  // namespace

WatcherParts registry_parts(const Clock& clock) {
  WatcherParts parts;
  parts.make_source = [&clock](const RegistrySettings& settings) {
    return std::make_unique<FilesystemSource>(settings.path, settings.readiness, settings.settle, clock);
  };
  parts.identify = [&clock](const RegistryEntry& entry) { return identify(entry, clock); };
  parts.make_signal = [](const RegistrySettings& settings) -> Result<std::unique_ptr<ChangeSignal>> {
    TRY(watch, RegistryWatch::open(settings.path));
    return std::make_unique<InotifySignal>(std::move(watch));
  };
  return parts;
}

}  // namespace defuse
