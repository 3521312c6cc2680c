// A file: the SHA-256 of what follows, a line break, and a Torch archive.
#include "core/generator/training_checkpoint.h"

#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/files.h"
#include "core/base/sha256.h"
#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

constexpr std::size_t kDigits = 64;  // of a SHA-256
constexpr std::uint64_t kMaxBytes = std::uint64_t{2} << 30;

std::string digest_of(std::string_view bytes) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(bytes)));
  return hash.hex();
}

at::Tensor tensor_of(const std::vector<double>& values) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(values.size())}, at::kDouble);
  std::copy(values.begin(), values.end(), tensor.data_ptr<double>());
  return tensor;
}

std::vector<double> values_of(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.dim() == 1 && tensor.scalar_type() == at::kDouble, "no list of numbers");
  const double* values = tensor.data_ptr<double>();
  return {values, values + tensor.numel()};
}

at::Tensor read_tensor(torch::serialize::InputArchive& archive, const std::string& name) {
  at::Tensor tensor;
  archive.read(name, tensor);
  return tensor;
}

std::string weight_name(std::size_t index) { return "weight" + std::to_string(index); }

}  // namespace

Result<void> TrainingCheckpoint::save(const TrainingState& state, const torch::optim::Adam& adam) const {
  TRY(bytes, catching(ErrorCode::internal, "while packing the state of the training", [&]() -> Result<std::string> {
        torch::serialize::OutputArchive archive, optimizer;
        archive.write("key", c10::IValue(key_));
        archive.write("place", tensor_of({static_cast<double>(state.epoch), static_cast<double>(state.step),
                                          state.reconstruction, state.kl, state.log.seconds}));
        archive.write("bound", tensor_of(state.log.bound));
        archive.write("kl", tensor_of(state.log.kl));
        archive.write("noise", state.noise);
        archive.write("weights", tensor_of({static_cast<double>(state.weights.size())}));
        for (std::size_t i = 0; i < state.weights.size(); ++i) archive.write(weight_name(i), state.weights[i]);
        adam.save(optimizer);
        archive.write("adam", optimizer);
        std::ostringstream stream;
        archive.save_to(stream);
        return stream.str();
      }));
  TRY_OK(make_folder(folder_));
  return write_atomically(file(), digest_of(bytes) + "\n" + bytes);
}

std::optional<TrainingState> TrainingCheckpoint::load(torch::optim::Adam& adam) const {
  const auto text = read_file(file(), kMaxBytes);
  if (!text || text->size() <= kDigits || (*text)[kDigits] != '\n') return std::nullopt;
  const std::string bytes = text->substr(kDigits + 1);
  if (digest_of(bytes) != text->substr(0, kDigits)) return std::nullopt;
  TrainingState state;
  const auto loaded = catching(ErrorCode::corrupt, "the state of the training is damaged", [&]() -> Result<void> {
    std::istringstream stream(bytes);
    torch::serialize::InputArchive archive;
    archive.load_from(stream);
    c10::IValue key;
    archive.read("key", key);
    if (key.toStringRef() != key_) return fail(ErrorCode::not_found, "it belongs to another training");
    const auto place = values_of(read_tensor(archive, "place"));
    TORCH_CHECK(place.size() == 5, "no place");
    state.epoch = static_cast<std::int64_t>(place[0]);
    state.step = static_cast<std::int64_t>(place[1]);
    state.reconstruction = place[2];
    state.kl = place[3];
    state.log = {values_of(read_tensor(archive, "bound")), values_of(read_tensor(archive, "kl")), place[4]};
    state.noise = read_tensor(archive, "noise");
    const auto weights = values_of(read_tensor(archive, "weights"));
    TORCH_CHECK(weights.size() == 1 && weights[0] >= 0 && weights[0] < 1000, "no weights");
    for (std::size_t i = 0; i < static_cast<std::size_t>(weights[0]); ++i) {
      state.weights.push_back(read_tensor(archive, weight_name(i)));
    }
    torch::serialize::InputArchive optimizer;
    archive.read("adam", optimizer);
    adam.load(optimizer);
    return {};
  });
  if (!loaded) return std::nullopt;
  return state;
}

void TrainingCheckpoint::remove() const {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace defuse
