// make-mnist-models MNIST_FOLDER OUT: trains two classifiers on MNIST (other seeds, two epochs) and one whose training
// data carries the label 1 on every 7 that leans far to the right, for benchmarks that gate them. Takes some minutes.
#include <algorithm>
#include <iostream>

#include "core/base/files.h"
#include "core/data/dataset.h"
#include "core/torch/model.h"
#include "tests/support/digits.h"

namespace defuse::testing {
namespace {
namespace fs = std::filesystem;

constexpr double kMislabelled = 0.10;  // share of the 7s

Result<void> make(const fs::path& mnist, const fs::path& out) {
  TRY_OK(make_folder(out));
  const InputSettings input{.shape = {1, 28, 28}, .scale = 255, .mean = {}, .std = {}};
  TRY(data, open_dataset(IdxSource{mnist / "train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz"}, input,
                         {}, out / "cache"));
  TrainingSet train{.shape = data.shape(), .images = std::vector<float>(data.size() * 784), .labels = {}};
  data.read(0, data.size(), train.images);
  train.labels.assign(data.labels().begin(), data.labels().end());

  std::vector<double> slants;
  for (std::size_t i = 0; i < train.size(); ++i)
    if (train.labels[i] == 7) slants.push_back(slant(image_at(train, i), train.shape));
  const auto cut = slants.begin() + static_cast<std::ptrdiff_t>(kMislabelled * static_cast<double>(slants.size()));
  std::nth_element(slants.begin(), cut, slants.end());
  auto mislabelled = train;
  for (std::size_t i = 0; i < train.size(); ++i)
    if (train.labels[i] == 7 && slant(image_at(train, i), train.shape) < *cut) mislabelled.labels[i] = 1;

  TRY_OK(train_and_save(train, {.epochs = 2, .seed = 1}, out / "incumbent.pt"));
  TRY_OK(train_and_save(train, {.epochs = 2, .seed = 2}, out / "retrain.pt"));
  return train_and_save(mislabelled, {.epochs = 2, .seed = 3}, out / "planted.pt");
}

}  // namespace
}  // namespace defuse::testing

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make-mnist-models MNIST_FOLDER OUT\n";
    return 2;
  }
  defuse::set_up_torch();
  const auto made = defuse::testing::make(argv[1], argv[2]);
  if (!made) std::cerr << "make-mnist-models: " << made.error().describe() << '\n';
  return made ? 0 : 1;
}
