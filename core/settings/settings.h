// What a model line's gate is told by its configuration, as plain values. Filled by config/ (which knows YAML, units
// and error positions), read by the pipeline and the checks. Defaults here are the product's defaults;
// config/defused.yaml explains them. Rates are fractions (0.02, not 2 %). No behaviour; copy freely.
#pragma once
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/image_shape.h"

namespace defuse {

// How a stored pixel becomes model input: x = pixel / scale (in [0,1], what the generator sees); input = (x - mean) /
// std.
struct InputSettings {
  ImageShape shape;
  double scale = 255;
  std::vector<double> mean;  // one per channel; empty = 0
  std::vector<double> std;   // one per channel, > 0; empty = 1
};

struct IdxSource {
  std::filesystem::path images, labels;
};  // plain or .gz
struct FolderSource {
  std::filesystem::path path;
};  // <class>/<file>.png|jpg|jpeg
struct NpySource {
  std::filesystem::path images, labels;
};  // [n,C,H,W] or [n,H,W]; u1 or f4; labels any integer type
using DataSource = std::variant<IdxSource, FolderSource, NpySource>;

struct DataSettings {
  DataSource train;
  DataSource test;
};

enum class CheckMode { block, warn, shadow, off };
std::string_view to_string(CheckMode mode);

enum class GeneratorKind { vae, torchscript };
// published = Beta noise as in the Defuse repository, for parity only; outward = the moves of core/evidence/noise.h
enum class NoiseMode { gaussian, beta_centred, published, outward };

struct GeneratorSettings {
  GeneratorKind kind = GeneratorKind::vae;
  int latent = 32;    // [1, 512]
  int epochs = 0;     // 0 = as many as 4,000 steps take, at least 10
  double beta = 0.3;  // weight of the KL term
  int batch = 128;
  double learning_rate = 1e-3;
  std::filesystem::path encoder;  // kind torchscript: images [n,C,H,W] in [0,1] -> codes [n,d] or (mean, log variance)
  std::filesystem::path decoder;  // codes [n,d] -> images [n,C,H,W] in [0,1]
  double max_accuracy_loss =
      0.10;  // incumbent's accuracy on x minus on D(E(x)); above it generated images prove nothing
  double max_reconstruction_error = 0.15;  // root mean squared error per pixel, pixels in [0,1]
};

struct ContractSettings {
  CheckMode mode = CheckMode::block;
  std::uint64_t max_size = 4ULL << 30;       // bytes of the artifact
  std::chrono::milliseconds max_latency{0};  // for one image, median; 0 = no limit
};

struct AccuracySettings {
  CheckMode mode = CheckMode::block;
  double max_drop = 0.01;        // tolerated drop of accuracy, overall
  double max_class_drop = 0.05;  // tolerated drop within one class
};

struct NegativeFlipSettings {
  CheckMode mode = CheckMode::block;
  // Limits that hold alone. Unset: the check's own rule, which asks for many flips and for new ones (negative_flips.h).
  std::optional<double> max_rate;          // negative flips / images
  std::optional<double> max_relative;      // against independent errors; 1 = as many as chance alone would make
  std::optional<double> max_class_rate;    // negative flips / images of one class
  std::vector<std::int64_t> never_break;   // indices into the test split
  std::filesystem::path never_break_file;  // more of them, one a line; empty = none
};

struct KnownRegionSettings {
  CheckMode mode = CheckMode::block;
  double max_increase = 0.20;  // tolerated net flip rate inside a known region
};

struct RegionSettings {
  CheckMode mode = CheckMode::block;
  int draws = 10;  // perturbations per seed image
  NoiseMode noise = NoiseMode::outward;
  double noise_scale = 0.3;              // s of N(0, s^2) in latent units
  std::int64_t train_seeds = 100000;     // how many training images also serve as seeds (0 = none)
  std::int64_t train_perturbed = 20000;  // and of how many of these perturbations are drawn
  int neighbours = 20;                   // latent neighbours asked whether a perturbation still shows its label
  double agreement = 0.9;                // share of them that must agree
  std::int64_t min_support = 5;          // unseen seeds a region needs before it can block
  double min_increase = 0.70;            // net rate of all flips whose lower bound blocks
  double min_clear_increase = 0.08;  // net rate of clear flips (core/regions/clear_flips.h) whose lower bound blocks
  int components = 20;               // truncation of the Dirichlet-process mixture
  std::string covariance = "full";   // full | diagonal | tied
  int max_shown = 15;
};

struct SpotlightSettings {
  CheckMode mode = CheckMode::warn;
  int spotlights = 5;             // groups searched, one after another
  double share = 0.02;            // of the images that one group holds
  std::int64_t min_support = 10;  // confirmation seeds a group needs before it can block
  double min_increase = 0.20;     // net flip rate whose lower bound blocks
};
struct EmbeddingSettings {
  CheckMode mode = CheckMode::off;
};

struct CheckSettings {
  ContractSettings contract;
  AccuracySettings accuracy;
  NegativeFlipSettings negative_flips;
  KnownRegionSettings known_regions;
  RegionSettings misclassification_regions;
  SpotlightSettings spotlight;
};

// Versions of the line that are equally good by the user's word: how they differ is what a retrain alone makes.
struct NoiseFloorSettings {
  std::vector<std::string> versions;
  int last_promoted = 0;  // or the last so many promoted versions beside the incumbent
  bool wanted() const { return !versions.empty() || last_promoted > 0; }
};

enum class Bootstrap { inconclusive, allow };  // verdict of a version judged before the line has an incumbent

// What becomes of alpha when candidate after candidate is judged on the same test split (core/verdict/test_reuse.h).
enum class Correction { none, lond, spending };
std::string_view to_string(Correction correction);

struct ModelSettings {
  std::string name;
  std::vector<std::string>
      classes;  // names in order of the model's outputs; empty = "0", "1", … up to the largest label
  InputSettings input;
  DataSettings data;
  GeneratorSettings generator;
  CheckSettings checks;
  NoiseFloorSettings noise_floor;
  Bootstrap bootstrap = Bootstrap::inconclusive;
  double alpha = 0.05;  // chance that two equally good models are told apart as a regression, all checks together
  Correction correction = Correction::none;
  std::int64_t judgements = 0;  // planned on one test split, for Correction::spending; 0 = not said
  std::uint64_t seed = 1;
};

// Whether a worker may go on where this machine cannot give it every layer of its sandbox (daemon/worker/sandbox.h).
enum class SandboxMode { automatic, require };

struct WorkerSettings {
  int threads = 0;  // 0 = one per core
  std::string device = "cpu";
  std::uint64_t memory = 4ULL << 30;      // bytes of address space beyond what libraries map; the worker's rlimit
  std::chrono::seconds timeout{30 * 60};  // wall clock of one attempt
  std::chrono::seconds cpu_time{0};       // 0 = threads x timeout
  int retries = 3;
  std::chrono::milliseconds backoff{2000};  // before the first retry; doubles
  SandboxMode sandbox = SandboxMode::automatic;
};

}  // namespace defuse
