// What holds of every data set that a reader accepts, and of every refusal; for the targets idx and npy.
#pragma once
#include <cmath>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/data/dataset_builder.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/temp_tree.h"

namespace defuse::fuzz {

inline InputSettings settings_of(std::uint8_t wishes) {
  InputSettings input;
  const ImageShape shapes[] = {{1, 2, 2}, {3, 2, 2}, {1, 28, 28}, {1, 1, 1}};
  input.shape = shapes[wishes & 3];
  return input;
}

inline std::size_t classes_of(std::uint8_t wishes) { return (wishes & 16) != 0 ? 3 : 0; }

struct DataFolder {
  testing::TempTree tree{testing::TempTree::In::memory};

  void check(const Result<Dataset>& data, std::uint8_t wishes) const {
    if (!data) return require_names(data.error(), tree.root().string());
    require(data->size() > 0, "an empty data set is refused");
    require(data->digest().size() == 64, "a data set has a digest");
    require(data->shape() == settings_of(wishes).shape, "images have the configured shape");
    const auto most = classes_of(wishes) > 0 ? classes_of(wishes) : std::size_t{kMaxClasses};
    for (const auto label : data->labels())
      require(label >= 0 && static_cast<std::size_t>(label) < most, "labels are classes");
    std::vector<float> pixels(static_cast<std::size_t>(data->shape().pixels()));
    for (std::size_t i = 0; i < data->size(); ++i) {
      data->read(i, 1, pixels);
      for (const float pixel : pixels) require(pixel >= 0 && pixel <= 1, "pixels lie in [0,1]");
      (void)data->content_hash(i);
    }
  }
};

}  // namespace defuse::fuzz
