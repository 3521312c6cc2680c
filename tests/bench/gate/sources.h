// The three data sources of the gate benchmark, as training sets for its models and as IDX files for the product. Files
// are written into the benchmark's folder, so that the gate gets its data as any user's. Not thread-safe: one program,
// one folder.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/settings/settings.h"
#include "tests/bench/gate/attributes.h"
#include "tests/support/small_cnn.h"

namespace defuse::bench {

struct Source {
  std::string name;  // "synthetic", "digits", "mnist"; with "/beyond-<pool>" where images were taken out
  testing::TrainingSet train, test;  // as the product reads them
  AttributeTable train_attributes, test_attributes;
  std::vector<std::string> classes;
  InputSettings input;
  DataSettings data;
  std::filesystem::path folder;
  int epochs = 1;      // of an honest model
  bool decay = false;  // of its learning rate
  int class_count() const { return static_cast<int>(classes.size()); }
};

// `unavailable` where the source's files are not on this machine: the benchmark says SKIPPED.
Result<Source> open_source(const std::string& name, const std::filesystem::path& work);

// The images for which `keep` holds, as a source of its own under `folder`.
Result<Source> reduce(const Source& source, const std::string& name, const std::filesystem::path& folder,
                      const std::function<bool(std::int32_t label, std::span<const float> attributes)>& keep);

// Values of one attribute over the images of one class.
std::vector<float> values_of(const testing::TrainingSet& data, const AttributeTable& table, std::int32_t label,
                             Attribute attribute);

}  // namespace defuse::bench
