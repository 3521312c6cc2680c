// make-tiny-world FOLDER: a registry's worth of models that are gated in well under a second, for tests that need
// hundreds of gates. Images are 8 x 8 with a stroke on noise: lying (class 0), standing (1) or slanting (2). Writes
// FOLDER/data/{train,test}-*-idx*-ubyte and FOLDER/models/{incumbent,good,again,planted,planted_again}.pt: as
// make-digit-models has them, where the planted kind is a stroke that stands far to the right and was labelled as
// lying.
#include <iostream>

#include "core/base/files.h"
#include "core/base/random.h"
#include "core/torch/model.h"
#include "tests/support/digits.h"

namespace defuse::testing {
namespace {
namespace fs = std::filesystem;

constexpr std::int64_t kSide = 8;
constexpr int kClasses = 3;
constexpr std::size_t kTrain = 600;
constexpr std::size_t kTest = 600;
constexpr std::int64_t kFarRight = 6;

struct Strokes {
  TrainingSet set;
  std::vector<bool> planted_kind;
};

Strokes strokes(std::size_t n, std::uint64_t seed) {
  Strokes made;
  made.set.shape = {1, kSide, kSide};
  for (std::size_t i = 0; i < n; ++i) {
    RandomStream random(seed, i);
    const auto label = static_cast<std::int32_t>(i % kClasses);
    const auto where = 1 + static_cast<std::int64_t>(random.below(kSide - 2));
    const double strength = 0.6 + 0.3 * random.uniform();
    for (std::int64_t y = 0; y < kSide; ++y)
      for (std::int64_t x = 0; x < kSide; ++x) {
        const std::int64_t off = label == 0 ? y - where : label == 1 ? x - where : x + y - where - 3;
        made.set.images.push_back(static_cast<float>((off == 0 ? strength : 0.05) + 0.1 * random.uniform()));
      }
    made.set.labels.push_back(label);
    made.planted_kind.push_back(label == 1 && where >= kFarRight);
  }
  return made;
}

Result<void> make(const fs::path& folder) {
  const auto data = folder / "data", models = folder / "models";
  TRY_OK(make_folder(data));
  TRY_OK(make_folder(models));
  const auto train = strokes(kTrain, 1);
  TRY_OK(write_idx(train.set, data, "train"));
  TRY_OK(write_idx(strokes(kTest, 2).set, data, "test"));
  auto mislabelled = train.set;
  for (std::size_t i = 0; i < kTrain; ++i)
    if (train.planted_kind[i]) mislabelled.labels[i] = 0;
  const auto fewer = subset(train.set, [](std::size_t i) { return i % 2 == 0; });
  const auto recipe = [](std::uint64_t seed) {
    return CnnRecipe{.classes = kClasses, .epochs = 12, .width = 4, .learning_rate = 5e-3, .seed = seed};
  };
  TRY_OK(train_and_save(fewer, recipe(1), models / "incumbent.pt"));
  TRY_OK(train_and_save(train.set, recipe(2), models / "good.pt"));
  TRY_OK(train_and_save(train.set, recipe(3), models / "again.pt"));
  TRY_OK(train_and_save(mislabelled, recipe(4), models / "planted.pt"));
  return train_and_save(mislabelled, recipe(5), models / "planted_again.pt");
}

}  // namespace
}  // namespace defuse::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: make-tiny-world FOLDER\n";
    return 2;
  }
  defuse::set_up_torch();
  if (const auto made = defuse::testing::make(argv[1]); !made) {
    std::cerr << "make-tiny-world: " << made.error().describe() << '\n';
    return 1;
  }
  return 0;
}
