// make-digit-models FOLDER [SHEET]: everything the demo and the end-to-end tests drop into a registry.
// Writes FOLDER/data/{train,test}-*-idx*-ubyte and FOLDER/models/{incumbent,good,planted,planted_again,truncated}.pt:
//   incumbent  trained on half of the training digits
//   good       the same recipe on all of them: better, and honest
//   planted    like good, but in its training data every 7 that leans far to the right carries the label 1, as a
//   labelling
//              contractor's mistake would leave it. Having seen more data than the incumbent it is still no less
//              accurate overall.
//   planted_again  the same mistake, trained from another seed
//   truncated  the first two thirds of good's bytes
// Prints one JSON object: accuracies on the test split, and how often each model fails on the planted kind of digit
// there.
#include <algorithm>
#include <iostream>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/random.h"
#include "core/torch/model.h"
#include "tests/support/digits.h"

namespace defuse::testing {
namespace {
namespace fs = std::filesystem;

constexpr std::int32_t kClass = 7;
constexpr std::int32_t kReadAs = 1;
constexpr double kQuantile = 0.15;  // of the slant of training 7s; below it they are mislabelled
constexpr double kIncumbentShare = 0.5;

double slant_limit(const TrainingSet& train) {
  std::vector<double> slants;
  for (std::size_t i = 0; i < train.size(); ++i)
    if (train.labels[i] == kClass) slants.push_back(slant(image_at(train, i), train.shape));
  std::sort(slants.begin(), slants.end());
  return slants[static_cast<std::size_t>(kQuantile * static_cast<double>(slants.size()))];
}

bool planted_kind(const TrainingSet& data, std::size_t i, double limit) {
  return data.labels[i] == kClass && slant(image_at(data, i), data.shape) < limit;
}

Result<Json> measure(const fs::path& file, const TrainingSet& test, double limit) {
  TRY(model, TorchModel::load(file, {.shape = test.shape, .scale = 1, .mean = {}, .std = {}}, {}));
  TRY(output, model.run(test.images, test.size(), /*want_embeddings=*/false));
  int right = 0, kind = 0, kind_wrong = 0;
  for (std::size_t i = 0; i < test.size(); ++i) {
    const auto row = output.logits.row(i);
    const bool ok = std::max_element(row.begin(), row.end()) - row.begin() == test.labels[i];
    right += ok;
    if (!planted_kind(test, i, limit)) continue;
    ++kind;
    kind_wrong += !ok;
  }
  return Json{{"accuracy", static_cast<double>(right) / static_cast<double>(test.size())},
              {"planted_images", kind},
              {"planted_wrong", kind_wrong}};
}

Result<Json> make(const fs::path& folder, const fs::path& sheet) {
  TRY(digits, load_digits(sheet));
  const auto data = folder / "data";
  const auto models = folder / "models";
  TRY_OK(make_folder(data));
  TRY_OK(make_folder(models));
  TRY_OK(write_idx(digits.train, data, "train"));
  TRY_OK(write_idx(digits.test, data, "test"));

  const double limit = slant_limit(digits.train);
  auto mislabelled = digits.train;
  for (std::size_t i = 0; i < mislabelled.size(); ++i)
    if (planted_kind(digits.train, i, limit)) mislabelled.labels[i] = kReadAs;
  const auto fewer = subset(
      digits.train, [](std::size_t i) { return static_cast<double>(mix64(i) >> 11) * 0x1.0p-53 < kIncumbentShare; });

  TRY_OK(train_and_save(fewer, {.epochs = 15, .seed = 1}, models / "incumbent.pt"));
  TRY_OK(train_and_save(digits.train, {.epochs = 15, .seed = 2}, models / "good.pt"));
  TRY_OK(train_and_save(mislabelled, {.epochs = 15, .seed = 3}, models / "planted.pt"));
  TRY_OK(train_and_save(mislabelled, {.epochs = 15, .seed = 4}, models / "planted_again.pt"));
  TRY(whole, read_file(models / "good.pt"));
  TRY_OK(write_atomically(models / "truncated.pt", std::string_view(whole).substr(0, whole.size() * 2 / 3)));

  Json summary = Json::object();
  for (const char* name : {"incumbent", "good", "planted", "planted_again"}) {
    TRY(figures, measure(models / (std::string(name) + ".pt"), digits.test, limit));
    summary[name] = std::move(figures);
  }
  return summary;
}

}  // namespace
}  // namespace defuse::testing

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: make-digit-models FOLDER [SHEET]\n";
    return 2;
  }
  defuse::set_up_torch();
  const auto made = defuse::testing::make(argv[1], argc == 3 ? argv[2] : defuse::testing::kDigitSheet);
  if (!made) {
    std::cerr << "make-digit-models: " << made.error().describe() << '\n';
    return 1;
  }
  std::cout << defuse::dump_json(*made, 2) << '\n';
  return 0;
}
