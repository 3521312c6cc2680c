// Every setting that a worker hears of, once: its name, its form, its range and what it is for. What walks through
// these descriptions (core/base/describe.h) reads the configuration, writes it back, makes its JSON Schema and the keys
// of the cache. Settings that one station depends on have a description of their own, which is part of the whole one.
// Defaults are those of the structs. Rules that concern several settings stand beside them.
#pragma once
#include <algorithm>
#include <chrono>
#include <string>
#include <type_traits>
#include <vector>

#include "core/base/describe.h"
#include "core/settings/settings.h"
#include "core/settings/text_forms.h"

namespace defuse {

using namespace std::chrono_literals;  // NOLINT(google-global-names-in-headers): only sources include this file

inline constexpr auto kDay = std::chrono::hours(24);

inline constexpr Choice<CheckMode, 4> kCheckMode{
    {{{"block", CheckMode::block}, {"warn", CheckMode::warn}, {"shadow", CheckMode::shadow}, {"off", CheckMode::off}}}};
inline constexpr Choice<GeneratorKind, 2> kGeneratorKind{
    {{{"vae", GeneratorKind::vae}, {"torchscript", GeneratorKind::torchscript}}}};
inline constexpr Choice<NoiseMode, 4> kNoise{{{{"outward", NoiseMode::outward},
                                               {"gaussian", NoiseMode::gaussian},
                                               {"beta_centred", NoiseMode::beta_centred},
                                               {"published", NoiseMode::published}}}};
inline constexpr Choice<Bootstrap, 2> kBootstrap{
    {{{"inconclusive", Bootstrap::inconclusive}, {"allow", Bootstrap::allow}}}};
inline constexpr Choice<SandboxMode, 2> kSandbox{
    {{{"auto", SandboxMode::automatic}, {"require", SandboxMode::require}}}};

inline constexpr Choice<Correction, 3> kCorrection{
    {{{"none", Correction::none}, {"lond", Correction::lond}, {"spending", Correction::spending}}}};

inline Choice<std::string, 3> covariances() {
  return {{{{"full", "full"}, {"diagonal", "diagonal"}, {"tied", "tied"}}}};
}

inline constexpr const char* kModeWords =
    "block: harm stops a release; warn: it is reported; shadow: shown apart; off: not run";

template <class V, Is<WorkerSettings> T>
void describe(V& v, T& s) {
  v.field("threads", s.threads, Whole<int>{1, 1024, "auto"}, "auto is one per core");
  v.field("device", s.device, Device{}, "cpu, cuda or cuda:<number>");
  v.field("memory", s.memory, Size{64ULL << 20}, "address space of a worker beyond what its libraries map");
  v.field("timeout", s.timeout, Duration<std::chrono::seconds>{1s, 30 * kDay}, "wall-clock time of one attempt");
  v.field("cpu_time", s.cpu_time, Duration<std::chrono::seconds>{1s, 3650 * kDay, "auto"}, "auto is threads x timeout");
  v.field("retries", s.retries, Whole<int>{0, 10}, "attempts after the first before the verdict is error");
  v.field("backoff", s.backoff, Duration<std::chrono::milliseconds>{0ms, 1h}, "pause before the first retry; doubles");
  v.field("sandbox", s.sandbox, kSandbox, "require: a worker that lacks a layer of it judges nothing");
}

template <class V, Is<InputSettings> T>
void describe(V& v, T& s) {
  std::vector<std::int64_t> shape;
  if (s.shape.height > 0) shape = {s.shape.channels, s.shape.height, s.shape.width};
  v.list("shape", shape, Whole<std::int64_t>{1, 4096}, "[channels, height, width]", Need::required);
  v.check(shape.empty() || shape.size() == 3, "shape", "wants three numbers: [channels, height, width]");
  const bool whole = shape.size() == 3 && *std::min_element(shape.begin(), shape.end()) > 0;
  if constexpr (!std::is_const_v<T>)
    if (whole) s.shape = {shape[0], shape[1], shape[2]};
  v.field("scale", s.scale, Number{0, 1e9, Lower::exclusive}, "stored pixels are divided by this");
  v.list("mean", s.mean, Number{-1e6, 1e6}, "per channel, subtracted after scaling; empty is 0");
  v.list("std", s.std, Number{0, 1e6, Lower::exclusive}, "per channel, divided by last; empty is 1");
  if (!whole) return;
  const auto channels = static_cast<std::size_t>(s.shape.channels);
  const auto words = "wants one number per channel (" + std::to_string(channels) + "), not ";
  v.check(s.mean.empty() || s.mean.size() == channels, "mean", words + std::to_string(s.mean.size()));
  v.check(s.std.empty() || s.std.size() == channels, "std", words + std::to_string(s.std.size()));
}

template <class V, Is<IdxSource> T>
void describe(V& v, T& s) {
  v.field("images", s.images, Path{}, "IDX file of unsigned bytes, plain or gzip", Need::required);
  v.field("labels", s.labels, Path{}, "IDX file of whole numbers, plain or gzip", Need::required);
}

template <class V, Is<FolderSource> T>
void describe(V& v, T& s) {
  v.field("path", s.path, Path{}, "holds <class>/<file>.png|jpg|jpeg", Need::required);
}

template <class V, Is<NpySource> T>
void describe(V& v, T& s) {
  v.field("images", s.images, Path{}, "[n,C,H,W] or [n,H,W], u1 or f4", Need::required);
  v.field("labels", s.labels, Path{}, "[n], any integer type", Need::required);
}

template <class V, Is<DataSource> T>
void describe(V& v, T& s) {
  v.template alternative<IdxSource>("idx", s, "files in MNIST's format");
  v.template alternative<FolderSource>("folder", s, "a folder of pictures, one sub-folder per class");
  v.template alternative<NpySource>("npy", s, "NumPy arrays");
  v.exactly_one_alternative();
}

template <class V, Is<DataSettings> T>
void describe(V& v, T& s) {
  v.object("train", s.train, "what the generator is trained on", Need::required);
  v.object("test", s.test, "what versions are judged on", Need::required);
}

// What the generator's weights depend on.
template <class V, Is<GeneratorSettings> T>
void describe_making(V& v, T& s) {
  v.field("kind", s.kind, kGeneratorKind, "vae: trained here; torchscript: the user's own pair");
  v.field("latent", s.latent, Whole<int>{1, 512}, "latent dimensions");
  v.field("epochs", s.epochs, Whole<int>{0, 10000},
          "passes over the training split; 0 = as many as 4,000 steps take, at least 10");
  v.field("beta", s.beta, Number{0, 1000}, "weight of the KL term");
  v.field("batch", s.batch, Whole<int>{1, 65536}, "images per training step");
  v.field("learning_rate", s.learning_rate, Number{0, 1, Lower::exclusive}, "of Adam");
  v.field("encoder", s.encoder, Path{}, "kind torchscript: images to codes");
  v.field("decoder", s.decoder, Path{}, "kind torchscript: codes to images");
}

template <class V, Is<GeneratorSettings> T>
void describe(V& v, T& s) {
  describe_making(v, s);
  v.field("max_accuracy_loss", s.max_accuracy_loss, kShare,
          "accuracy on x minus on D(E(x)); above it images prove nothing");
  v.field("max_reconstruction_error", s.max_reconstruction_error, kShare, "root mean squared error per pixel in [0,1]");
  const bool own = s.kind == GeneratorKind::torchscript;
  v.check(!own || !s.encoder.empty(), "encoder", "is needed where kind is torchscript");
  v.check(!own || !s.decoder.empty(), "decoder", "is needed where kind is torchscript");
  v.check(own || s.encoder.empty(), "encoder", "belongs to kind torchscript, not to vae");
  v.check(own || s.decoder.empty(), "decoder", "belongs to kind torchscript, not to vae");
}

template <class V, Is<ContractSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  v.field("max_size", s.max_size, Size{1}, "largest artifact");
  v.field("max_latency", s.max_latency, Duration<std::chrono::milliseconds>{1ms, 1h, "none"},
          "one image, median; none is no limit");
}

template <class V, Is<AccuracySettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  v.field("max_drop", s.max_drop, kShare, "tolerated drop of accuracy, overall");
  v.field("max_class_drop", s.max_class_drop, kShare, "tolerated drop within one class");
}

template <class V, Is<NegativeFlipSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  v.field("max_rate", s.max_rate, kShare, "images that worked and now break, of all images");
  v.field("max_relative", s.max_relative, Number{0, 1000, Lower::exclusive}, "against independent errors; 1 is chance");
  v.field("max_class_rate", s.max_class_rate, kShare, "the same within one class");
  v.list("never_break", s.never_break, Whole<std::int64_t>{0}, "test images that must not break, by index");
  v.field("never_break_file", s.never_break_file, Path{}, "more of them, one index a line");
}

template <class V, Is<KnownRegionSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  v.field("max_increase", s.max_increase, kShare, "tolerated net flip rate inside a known region");
}

// What the probe set depends on.
template <class V, Is<RegionSettings> T>
void describe_probes(V& v, T& s) {
  v.field("draws", s.draws, Whole<int>{1, 1000}, "perturbations per seed image");
  v.field("noise", s.noise, kNoise, "how codes are perturbed; published is for parity only");
  v.field("noise_scale", s.noise_scale, Number{0, 10, Lower::exclusive}, "standard deviation in latent units");
  v.field("train_seeds", s.train_seeds, Whole<std::int64_t>{0, 100'000'000}, "training images that serve as seeds too");
  v.field("train_perturbed", s.train_perturbed, Whole<std::int64_t>{0, 100'000'000},
          "of these, how many are perturbed");
  v.field("neighbours", s.neighbours, Whole<int>{1, 1000}, "latent neighbours asked whether a label still holds");
  v.field("agreement", s.agreement, Fraction{{0, 1, Lower::exclusive}}, "share of them that must agree");
}

// What the search for regions in it depends on.
template <class V, Is<RegionSettings> T>
void describe_search(V& v, T& s) {
  v.field("min_support", s.min_support, Whole<std::int64_t>{1, 1'000'000}, "seeds a region needs before it can block");
  v.field("min_increase", s.min_increase, Fraction{{0, 1, Lower::exclusive}},
          "net rate of all flips whose lower bound blocks");
  v.field("min_clear_increase", s.min_clear_increase, Fraction{{0, 1, Lower::exclusive}},
          "net rate of clear flips whose lower bound blocks");
  v.field("components", s.components, Whole<int>{1, 500}, "truncation of the mixture");
  v.field("covariance", s.covariance, covariances(), "shape of the mixture's components");
}

template <class V, Is<RegionSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  describe_probes(v, s);
  describe_search(v, s);
  v.field("max_shown", s.max_shown, Whole<int>{1, 1000}, "regions kept in the report");
}

// Checks whose names are known but which this version does not have: `off` may be written, so that a file can be
// shared.
template <class V, Is<CheckMode> T>
void describe_absent_check(V& v, T& mode) {
  v.field("mode", mode, kCheckMode, "not available in this version: only off");
  v.check(mode == CheckMode::off, "mode", "must be off: this check is not available in this version");
}
template <class V, Is<SpotlightSettings> T>
void describe(V& v, T& s) {
  v.field("mode", s.mode, kCheckMode, kModeWords);
  v.field("spotlights", s.spotlights, Whole<int>{1, 20}, "groups searched, one after another");
  v.field("share", s.share, Fraction{{0, 0.5, Lower::exclusive}}, "of the images that one group holds");
  v.field("min_support", s.min_support, Whole<std::int64_t>{1, 1'000'000}, "held-back images a group needs to block");
  v.field("min_increase", s.min_increase, Fraction{{0, 1, Lower::exclusive}}, "net flip rate whose lower bound blocks");
}
template <class V, Is<EmbeddingSettings> T>
void describe(V& v, T& s) {
  describe_absent_check(v, s.mode);
}

template <class V, Is<CheckSettings> T>
void describe(V& v, T& s) {
  EmbeddingSettings embedding;
  v.object("contract", s.contract, "does it load, and answer as promised?");
  v.object("accuracy", s.accuracy, "is it not worse than the incumbent by more than the margin?");
  v.object("negative_flips", s.negative_flips, "how many images does it break that worked?");
  v.object("known_regions", s.known_regions, "does a bug that was fixed come back?");
  v.object("misclassification_regions", s.misclassification_regions, "which regions of generated images fail?");
  v.object("spotlight", s.spotlight, "which images that the model finds alike lose more than before?");
  v.object("embedding_compatibility", embedding, "not available in this version");
}

inline constexpr std::size_t kMostSiblings = 20;
template <class V, Is<NoiseFloorSettings> T>
void describe(V& v, T& s) {
  v.list("versions", s.versions, Text{}, "sibling versions, equally good by your word");
  v.field("last_promoted", s.last_promoted, Whole<int>{0, static_cast<int>(kMostSiblings)},
          "or the last so many promoted versions beside the incumbent; 0 is none");
  v.check(s.versions.empty() || s.last_promoted == 0, "last_promoted", "stands beside versions; only one of them may");
  v.check(s.versions.size() <= kMostSiblings, "versions",
          "names more than " + std::to_string(kMostSiblings) + " versions");
  auto names = s.versions;
  std::sort(names.begin(), names.end());
  v.check(std::adjacent_find(names.begin(), names.end()) == names.end(), "versions", "names a version twice");
}

template <class V, Is<ModelSettings> T>
void describe(V& v, T& s) {
  v.list("classes", s.classes, Text{}, "names in order of the model's outputs; empty is 0, 1, 2 and so on");
  v.object("input", s.input, "how a stored image becomes the model's input", Need::required);
  v.object("data", s.data, "labelled images", Need::required);
  v.object("generator", s.generator, "makes images that no test set holds");
  v.object("checks", s.checks, "what is judged, and how strictly");
  v.object("noise_floor", s.noise_floor, "versions that show how far equally good ones differ");
  v.field("bootstrap", s.bootstrap, kBootstrap, "verdict of a version judged before there is an incumbent");
  v.field("alpha", s.alpha, Fraction{{0, 0.5, Lower::exclusive}}, "in place of the top-level alpha");
  v.field("seed", s.seed, Whole<std::uint64_t>{0}, "in place of the top-level seed");
  v.field("correction", s.correction, kCorrection, "of alpha, over all candidates judged on one test split");
  v.field("judgements", s.judgements, Whole<std::int64_t>{0, 1'000'000}, "planned on one test split, for spending");
  v.check(s.correction != Correction::spending || s.judgements > 0, "judgements",
          "is missing: correction spending shares alpha among the judgements planned on one test split");
  v.check(s.correction == Correction::spending || s.judgements == 0, "judgements", "is only for correction spending");

  auto names = s.classes;
  std::sort(names.begin(), names.end());
  v.check(std::adjacent_find(names.begin(), names.end()) == names.end(), "classes", "names a class twice");
  v.check(s.classes.size() != 1, "classes", "names a single class; there is nothing to tell apart");
  const auto fits = [](std::int64_t side) { return side >= 8 && side <= 128; };
  const bool needs_vae =
      s.generator.kind == GeneratorKind::vae && s.checks.misclassification_regions.mode != CheckMode::off;
  v.check(!needs_vae || s.input.shape.height == 0 || (fits(s.input.shape.height) && fits(s.input.shape.width)), "input",
          "has a shape that the vae generator cannot learn: height and width must be 8 to 128 (or give a torchscript "
          "generator, or turn misclassification_regions off)");
}

}  // namespace defuse
