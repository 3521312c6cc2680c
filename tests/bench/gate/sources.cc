#include "tests/bench/gate/sources.h"

#include <cstdlib>
#include <system_error>
#include <utility>

#include "core/base/files.h"
#include "core/data/dataset.h"
#include "tests/bench/gate/glyphs.h"
#include "tests/support/digits.h"

namespace defuse::bench {
namespace fs = std::filesystem;
using testing::TrainingSet;
namespace {

constexpr std::size_t kGlyphsTrain = 12000;
constexpr std::size_t kGlyphsTest = 10000;
constexpr std::uint64_t kGlyphTrainSeed = 0x91f1;
constexpr std::uint64_t kGlyphTestSeed = 0x91f2;

Result<TrainingSet> read_back(const DataSource& source, const InputSettings& input, const fs::path& cache) {
  TRY(data, open_dataset(source, input, {}, cache));
  TrainingSet set;
  set.shape = data.shape();
  set.images.resize(data.size() * static_cast<std::size_t>(set.shape.pixels()));
  data.read(0, data.size(), set.images);
  set.labels.assign(data.labels().begin(), data.labels().end());
  return set;
}

IdxSource idx_at(const fs::path& folder, const std::string& split) {
  return {folder / (split + "-images-idx3-ubyte"), folder / (split + "-labels-idx1-ubyte")};
}

// Data are always written anew: they are cheap, and a changed renderer must not meet old files. Models and answers are
// cached by digest.
Result<void> settle(Source& source, const TrainingSet& train, const TrainingSet& test) {
  const auto data = source.folder / "data";
  TRY_OK(make_folder(data));
  TRY_OK(testing::write_idx(train, data, "train"));
  TRY_OK(testing::write_idx(test, data, "test"));
  source.input.shape = train.shape;
  source.data = {idx_at(data, "train"), idx_at(data, "test")};
  TRY(own_train, read_back(source.data.train, source.input, source.folder / "cache"));
  TRY(own_test, read_back(source.data.test, source.input, source.folder / "cache"));
  source.train_attributes = measure_all(own_train.images, own_train.size(), own_train.shape);
  source.test_attributes = measure_all(own_test.images, own_test.size(), own_test.shape);
  source.train = std::move(own_train);
  source.test = std::move(own_test);
  return {};
}

std::vector<std::string> ten_digits() { return {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}; }

Result<void> load_mnist(Source& source) {
  const char* folder = std::getenv("DEFUSED_MNIST");
  std::error_code ignored;
  if (folder == nullptr || !fs::exists(fs::path(folder) / "train-images-idx3-ubyte.gz", ignored))
    return fail(ErrorCode::unavailable, "no MNIST in DEFUSED_MNIST");
  const fs::path at = folder;
  const InputSettings input{.shape = {1, 28, 28}, .scale = 255, .mean = {}, .std = {}};
  const auto cache = source.folder / "cache";
  TRY(train, read_back(IdxSource{at / "train-images-idx3-ubyte.gz", at / "train-labels-idx1-ubyte.gz"}, input, cache));
  TRY(test, read_back(IdxSource{at / "t10k-images-idx3-ubyte.gz", at / "t10k-labels-idx1-ubyte.gz"}, input, cache));
  source.classes = ten_digits();
  source.epochs = 2;
  return settle(source, train, test);
}

Result<void> load_sheet(Source& source) {
  std::error_code ignored;
  if (!fs::exists(testing::kDigitSheet, ignored))
    return fail(ErrorCode::unavailable, std::string("no digits at ") + testing::kDigitSheet + " (package opencv-doc)");
  TRY(splits, testing::load_digits(testing::kDigitSheet));
  source.classes = ten_digits();
  source.epochs = 15;
  return settle(source, splits.train, splits.test);
}

Result<void> draw_synthetic(Source& source) {
  source.classes.assign(kGlyphNames.begin(), kGlyphNames.end());
  source.epochs = 10;
  source.decay = true;
  return settle(source, draw_glyphs(kGlyphTrainSeed, kGlyphsTrain).data, draw_glyphs(kGlyphTestSeed, kGlyphsTest).data);
}

}  // namespace

Result<Source> open_source(const std::string& name, const fs::path& work) {
  Source source;
  source.name = name;
  source.folder = work / name;
  TRY_OK(make_folder(source.folder / "cache"));
  if (name == "synthetic") {
    TRY_OK(draw_synthetic(source));
  } else if (name == "digits") {
    TRY_OK(load_sheet(source));
  } else if (name == "mnist") {
    TRY_OK(load_mnist(source));
  } else {
    return fail(ErrorCode::invalid_input, "no such source: " + name + " (there are synthetic, digits and mnist)");
  }
  return source;
}

Result<Source> reduce(const Source& source, const std::string& name, const fs::path& folder,
                      const std::function<bool(std::int32_t, std::span<const float>)>& keep) {
  Source out;
  out.name = name;
  out.folder = folder;
  out.classes = source.classes;
  out.epochs = source.epochs;
  out.decay = source.decay;
  out.input = source.input;
  TRY_OK(make_folder(folder / "cache"));
  const auto part = [&](const TrainingSet& data, const AttributeTable& table) {
    return testing::subset(data, [&](std::size_t i) { return keep(data.labels[i], table.values.row(i)); });
  };
  TRY_OK(settle(out, part(source.train, source.train_attributes), part(source.test, source.test_attributes)));
  return out;
}

std::vector<float> values_of(const TrainingSet& data, const AttributeTable& table, std::int32_t label,
                             Attribute attribute) {
  std::vector<float> values;
  for (std::size_t i = 0; i < data.size(); ++i)
    if (data.labels[i] == label) values.push_back(table.values.row(i)[static_cast<std::size_t>(attribute)]);
  return values;
}

}  // namespace defuse::bench
