// Generator: the trained Vae or the user's own TorchScript pair behind one face, its folder on disk, and sharded use.
// A folder holds generator.json (what it is, the training log, the digest) and weights.pt, or encoder.pt and
// decoder.pt.
#include "core/generator/generator.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <utility>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/generator/vae.h"
#include "core/generator/vae_training.h"
#include "core/torch/model.h"
#include "core/torch/thread_team.h"
#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

constexpr int kFormat = 1;  // of generator.json

struct Pair {
  torch::jit::Module encoder, decoder;
  std::string encoder_bytes, decoder_bytes;  // as the user gave them, for save
};

Result<void> expect_shape(const at::Tensor& tensor, at::IntArrayRef sizes, const char* what) {
  if (tensor.sizes().equals(sizes) && at::isFloatingType(tensor.scalar_type())) return {};
  std::string expected;
  for (const auto size : sizes) expected += (expected.empty() ? "[" : ", ") + std::to_string(size);
  return fail(ErrorCode::invalid_input, std::string(what) + " gives a tensor of shape " + shape_text(tensor) +
                                            ", not " + expected + "] of floating-point numbers");
}

// The encoder's (mean, log variance); zeros where it gives no variance. latent 0 = any width.
Result<Vae::Posterior> run_encoder(torch::jit::Module& encoder, const at::Tensor& images, int latent) {
  const c10::IValue value = encoder.forward({images});
  Vae::Posterior posterior;
  if (value.isTensor()) {
    posterior.mean = value.toTensor();
  } else if (value.isTuple()) {
    const auto tuple = value.toTuple();
    const auto& parts = tuple->elements();
    if (parts.size() == 2 && parts[0].isTensor() && parts[1].isTensor()) {
      posterior = {parts[0].toTensor(), parts[1].toTensor()};
    }
  }
  if (!posterior.mean.defined()) {
    return fail(ErrorCode::invalid_input, "the encoder returns neither a tensor nor a pair (mean, log variance)");
  }
  const auto n = images.size(0);
  const auto width = latent > 0 ? latent : posterior.mean.dim() == 2 ? posterior.mean.size(1) : 1;
  TRY_OK(expect_shape(posterior.mean, {n, width}, "the encoder"));
  if (!posterior.log_var.defined()) posterior.log_var = at::zeros_like(posterior.mean);
  TRY_OK(expect_shape(posterior.log_var, {n, width}, "the encoder (log variance)"));
  return posterior;
}

Result<at::Tensor> run_decoder(torch::jit::Module& decoder, const at::Tensor& codes, const ImageShape& shape) {
  const c10::IValue value = decoder.forward({codes});
  if (!value.isTensor()) return fail(ErrorCode::invalid_input, "the decoder does not return a tensor");
  TRY_OK(expect_shape(value.toTensor(), {codes.size(0), shape.channels, shape.height, shape.width}, "the decoder"));
  return value.toTensor().clamp(0, 1);
}

Result<std::vector<double>> numbers(const Json& array, const std::string& name) {
  std::vector<double> values;
  for (const auto& value : array) {
    if (!value.is_number()) return fail(ErrorCode::corrupt, name + ": expected numbers");
    values.push_back(value.get<double>());
  }
  return values;
}

tl::unexpected<Error> corrupt(Error error) {
  error.code = ErrorCode::corrupt;
  return tl::unexpected<Error>(std::move(error));
}

}  // namespace

struct Generator::State {
  ImageShape shape;
  int latent = 0;
  int threads = 1;
  std::string digest;
  TrainingLog log;
  std::optional<Vae> vae;
  mutable std::optional<Pair> pair;  // forward is not const in Torch's interface

  Result<Vae::Posterior> encode(const at::Tensor& images) const {
    if (vae) return vae->encode(images);
    return run_encoder(pair->encoder, images, latent);
  }
  Result<at::Tensor> decode(const at::Tensor& codes) const {
    if (vae) return vae->decode(codes).sigmoid();
    return run_decoder(pair->decoder, codes, shape);
  }
  Json description() const;
};

Json Generator::State::description() const {
  Json json;
  json["format"] = kFormat;
  json["kind"] = vae ? "vae" : "torchscript";
  json["shape"] = {shape.channels, shape.height, shape.width};
  json["latent"] = latent;
  json["digest"] = digest;
  json["bound"] = log.bound;
  json["kl"] = log.kl;
  json["seconds"] = log.seconds;
  return json;
}

Generator::Generator() : state_(std::make_unique<State>()) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

int Generator::latent() const { return state_->latent; }
const std::string& Generator::digest() const { return state_->digest; }
const Generator::TrainingLog& Generator::log() const { return state_->log; }

Result<Generator> Generator::train(const Dataset& images, const GeneratorSettings& settings, std::uint64_t seed,
                                   int threads, Progress& progress, const Checkpoint& checkpoint) {
  set_up_torch();
  TRY(vae, Vae::create(images.shape(), settings.latent, seed));
  TRY(log, train_vae(vae, images, settings, seed, threads, progress, checkpoint));
  Generator generator;
  State& state = *generator.state_;
  state.shape = images.shape();
  state.latent = settings.latent;
  state.threads = resolve_threads(threads);
  state.digest = vae.digest();
  state.log = std::move(log);
  state.vae = std::move(vae);
  return generator;
}

Result<Generator> Generator::load_pair(const std::filesystem::path& encoder, const std::filesystem::path& decoder,
                                       const ImageShape& shape, int threads) {
  set_up_torch();
  TRY(encoder_bytes, read_file(encoder));
  TRY(decoder_bytes, read_file(decoder));
  TRY(encoder_module, load_script(encoder, torch::kCPU, sha256_hex(encoder_bytes)));
  TRY(decoder_module, load_script(decoder, torch::kCPU, sha256_hex(decoder_bytes)));
  Generator generator;
  State& state = *generator.state_;
  state.shape = shape;
  state.threads = resolve_threads(threads);
  Sha256 hash;
  hash.field("pair-1").field(encoder_bytes).field(decoder_bytes);
  for (const auto side : {shape.channels, shape.height, shape.width}) hash.field(std::to_string(side));
  state.digest = hash.hex();
  state.pair = Pair{encoder_module, decoder_module, std::move(encoder_bytes), std::move(decoder_bytes)};

  const auto tried =
      catching(ErrorCode::invalid_input, "the generator's encoder or decoder failed", [&]() -> Result<void> {
        const c10::InferenceMode inference;
        const at::Tensor grey = at::full({2, shape.channels, shape.height, shape.width}, 0.5, at::kFloat);
        TRY(posterior, run_encoder(state.pair->encoder, grey, 0));
        state.latent = static_cast<int>(posterior.mean.size(1));
        TRY(image, run_decoder(state.pair->decoder, posterior.mean.to(at::kFloat), shape));
        if (!image.isfinite().all().item<bool>()) return fail(ErrorCode::invalid_input, "the decoder gives NaN");
        return {};
      });
  if (!tried) {
    return tl::unexpected<Error>(
        tried.error().with("while trying " + short_name(encoder) + " and " + short_name(decoder)));
  }
  return generator;
}

Result<void> Generator::save(const std::filesystem::path& folder) const {
  const State& state = *state_;
  TRY_OK(make_folder(folder));
  if (state.pair) {
    TRY_OK(write_atomically(folder / "encoder.pt", state.pair->encoder_bytes));
    TRY_OK(write_atomically(folder / "decoder.pt", state.pair->decoder_bytes));
  } else {
    TRY(bytes, catching(ErrorCode::internal, "while packing the generator's weights", [&]() -> Result<std::string> {
          std::vector<at::Tensor> weights;
          for (const auto& weight : state.vae->weights()) weights.push_back(weight.detach());
          std::ostringstream stream;
          torch::save(weights, stream);
          return stream.str();
        }));
    TRY_OK(write_atomically(folder / "weights.pt", bytes));
  }
  return write_atomically(folder / "generator.json", dump_json(state.description(), 2) + "\n");
}

Result<Generator> Generator::load(const std::filesystem::path& folder, const ImageShape& shape, int threads) {
  set_up_torch();
  TRY(text, read_file(folder / "generator.json", 16 << 20));
  auto json = parse_json(text, "generator.json");
  if (!json) return corrupt(json.error());
  JsonReader reader(*json, "generator.json");
  const auto format = reader.integer("format");
  const auto kind = reader.text("kind");
  const auto latent = reader.integer("latent");
  const auto digest = reader.text("digest");
  const double seconds = reader.number("seconds");
  const Json sides = reader.array("shape");
  TRY(bound, numbers(reader.array("bound"), "generator.json: bound"));
  TRY(kl, numbers(reader.array("kl"), "generator.json: kl"));
  if (auto status = reader.status(); !status) return corrupt(status.error());
  if (format != kFormat) return fail(ErrorCode::corrupt, "generator.json has format " + std::to_string(format));
  if (sides != Json({shape.channels, shape.height, shape.width})) {
    return fail(ErrorCode::corrupt, "the stored generator is for images of another shape");
  }

  Generator generator;
  if (kind == "torchscript") {
    auto pair = load_pair(folder / "encoder.pt", folder / "decoder.pt", shape, threads);
    if (!pair) return corrupt(pair.error());
    generator = std::move(*pair);
  } else {
    auto vae = Vae::create(shape, static_cast<int>(std::clamp<std::int64_t>(latent, 0, 1 << 20)), 0);
    if (!vae) return corrupt(vae.error());
    TRY(bytes, read_file(folder / "weights.pt"));
    TRY_OK(catching(ErrorCode::corrupt, "weights.pt of the generator is damaged", [&]() -> Result<void> {
      std::vector<at::Tensor> weights;
      std::istringstream stream(bytes);
      torch::load(weights, stream);
      return vae->set_weights(weights);
    }));
    generator.state_->digest = vae->digest();
    generator.state_->vae = std::move(*vae);
  }
  State& state = *generator.state_;
  state.shape = shape;
  state.latent = static_cast<int>(latent);
  state.threads = resolve_threads(threads);
  state.log = {std::move(bound), std::move(kl), seconds};
  if (state.digest != digest)
    return fail(ErrorCode::corrupt, "the stored generator's weights are not those it was saved with");
  return generator;
}

Result<Generator::Codes> Generator::encode(std::span<const float> images, std::size_t n) const {
  const auto pixels = static_cast<std::size_t>(state_->shape.pixels());
  if (images.size() != n * pixels)
    return fail(ErrorCode::internal, "encode was given another number of pixels than n images have");
  const auto latent = static_cast<std::size_t>(state_->latent);
  Codes codes{Matrix(n, latent), Matrix(n, latent)};
  const std::span mean(codes.mean.data);
  const std::span log_var(codes.log_var.data);
  TRY_OK(for_batches(n, kUnit, state_->threads, [&](std::size_t first, std::size_t count) {
    return encode_here(images.subspan(first * pixels, count * pixels), count,
                       mean.subspan(first * latent, count * latent), log_var.subspan(first * latent, count * latent));
  }));
  return codes;
}

Result<void> Generator::encode_here(std::span<const float> images, std::size_t n, std::span<float> mean,
                                    std::span<float> log_var) const {
  const State& state = *state_;
  const auto pixels = static_cast<std::size_t>(state.shape.pixels());
  const auto latent = static_cast<std::size_t>(state.latent);
  if (images.size() != n * pixels || mean.size() != n * latent || log_var.size() != n * latent) {
    return fail(ErrorCode::internal, "encode was given images or room of the wrong size");
  }
  return catching(ErrorCode::invalid_input, "the generator's encoder failed", [&]() -> Result<void> {
    const c10::InferenceMode inference;
    for (std::size_t first = 0; first < n; first += kUnit) {
      const std::size_t count = std::min(kUnit, n - first);
      TRY(posterior, state.encode(image_tensor(images.subspan(first * pixels, count * pixels), count, state.shape)));
      copy_out(posterior.mean, mean.subspan(first * latent, count * latent));
      copy_out(posterior.log_var, log_var.subspan(first * latent, count * latent));
      if (!posterior.mean.isfinite().all().item<bool>()) {
        return fail(ErrorCode::invalid_input, "the generator's encoder gives codes that are not finite");
      }
    }
    return {};
  });
}

Result<void> Generator::decode(const Matrix& codes, std::span<float> images) const {
  const auto pixels = static_cast<std::size_t>(state_->shape.pixels());
  if (images.size() != codes.rows * pixels) {
    return fail(ErrorCode::internal, "decode was given codes or room of the wrong size");
  }
  return for_batches(codes.rows, kUnit, state_->threads, [&](std::size_t first, std::size_t count) {
    return decode_here(codes, first, count, images.subspan(first * pixels, count * pixels));
  });
}

Result<void> Generator::decode_here(const Matrix& codes, std::size_t first, std::size_t count,
                                    std::span<float> images) const {
  const State& state = *state_;
  const auto pixels = static_cast<std::size_t>(state.shape.pixels());
  if (codes.cols != static_cast<std::size_t>(state.latent) || first > codes.rows || count > codes.rows - first ||
      images.size() != count * pixels) {
    return fail(ErrorCode::internal, "decode was given codes or room of the wrong size");
  }
  return catching(ErrorCode::invalid_input, "the generator's decoder failed", [&]() -> Result<void> {
    const c10::InferenceMode inference;
    for (std::size_t done = 0; done < count; done += kUnit) {
      const std::size_t own = std::min(kUnit, count - done);
      TRY(decoded, state.decode(rows_tensor(codes, first + done, own)));
      copy_out(decoded, images.subspan(done * pixels, own * pixels));
    }
    return {};
  });
}

}  // namespace defuse
