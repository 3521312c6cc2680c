#include "core/gate/kept.h"

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/cache/npy_array.h"
#include "core/evidence/predictions.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

Result<void> save_meta(const fs::path& folder, const Json& meta) {
  return write_atomically(folder / "meta.json", dump_json(meta, 2));
}

Result<Json> load_meta(const fs::path& folder) {
  TRY(text, read_file(folder / "meta.json", 1 << 20));
  return parse_json(text, (folder / "meta.json").string());
}

tl::unexpected<Error> stale(const fs::path& folder) {
  return fail(ErrorCode::corrupt, folder.string() + " does not fit what is asked of it");
}

Matrix row_of(const std::vector<float>& values) {
  Matrix row(1, values.size());
  row.data = values;
  return row;
}

Result<std::vector<Seed>> seeds_from(const std::vector<std::int32_t>& flat) {
  if (flat.size() % 4 != 0) return fail(ErrorCode::corrupt, "seeds.npy has an odd length");
  std::vector<Seed> seeds;
  for (std::size_t i = 0; i < flat.size(); i += 4)
    seeds.push_back({flat[i] == 0 ? Split::test : Split::train, static_cast<std::uint32_t>(flat[i + 1]), flat[i + 2],
                     flat[i + 3] == 0 ? Half::discover : Half::confirm});
  return seeds;
}

std::vector<std::int32_t> flatten(const std::vector<Seed>& seeds) {
  std::vector<std::int32_t> flat;
  for (const auto& seed : seeds)
    flat.insert(flat.end(), {static_cast<std::int32_t>(seed.split), static_cast<std::int32_t>(seed.index), seed.label,
                             static_cast<std::int32_t>(seed.half)});
  return flat;
}

}  // namespace

Result<Evaluation> load_evaluation(const fs::path& folder, const std::string& model, const Dataset& test) {
  Evaluation out;
  TRY(meta, load_meta(folder));
  JsonReader fields(meta, "meta");
  out.model_digest = fields.text("model");
  out.data_digest = fields.text("data");
  out.gave_probabilities = fields.boolean("gave_probabilities");
  TRY_OK(fields.status());
  TRY(logits, load_npy(folder / "logits.npy"));
  TRY(predicted, load_npy_int32(folder / "predicted.npy"));
  TRY(loss, load_npy(folder / "loss.npy"));
  if (predicted.size() != test.size() || logits.rows != predicted.size() || loss.data.size() != predicted.size())
    return stale(folder);
  // Answers of another model or on other images, or damaged ones: a comparison with them could turn anything green.
  if (out.model_digest != model || out.data_digest != test.digest()) return stale(folder);
  for (std::size_t i = 0; i < predicted.size(); ++i)
    if (predicted[i] != predicted_class(logits.row(i))) return stale(folder);
  out.logits = std::move(logits);
  out.predicted = std::move(predicted);
  out.loss = std::move(loss.data);
  return out;
}

Result<void> save_evaluation(const Evaluation& value, const fs::path& folder) {
  TRY_OK(save_npy(folder / "logits.npy", value.logits));
  TRY_OK(save_npy(folder / "predicted.npy", value.predicted));
  TRY_OK(save_npy(folder / "loss.npy", row_of(value.loss)));
  return save_meta(
      folder,
      {{"model", value.model_digest}, {"data", value.data_digest}, {"gave_probabilities", value.gave_probabilities}});
}

Result<ProbeSet> load_probe_set(const fs::path& folder, const std::string& generator, int draws) {
  ProbeSet out;
  TRY(meta, load_meta(folder));
  JsonReader fields(meta, "meta");
  out.digest = fields.text("digest");
  out.generator_digest = fields.text("generator");
  out.data_digest = fields.text("data");
  out.draws = static_cast<int>(fields.integer("draws"));
  out.plausible_share = fields.number("plausible_share");
  out.reconstruction_error = fields.number("reconstruction_error");
  out.perturbed = static_cast<std::size_t>(fields.integer("perturbed"));
  TRY_OK(fields.status());
  TRY(flat, load_npy_int32(folder / "seeds.npy"));
  TRY(seeds, seeds_from(flat));
  TRY(codes, load_npy(folder / "codes.npy"));
  TRY(class_means, load_npy(folder / "class_means.npy"));
  TRY(plausible, load_npy_uint8(folder / "plausible.npy"));
  TRY(statistics, load_npy(folder / "statistics.npy"));
  // By far the largest of it, and read a few rows at a time.
  TRY(draw_statistics, map_npy(folder / "draw_statistics.npy", 2));
  if (statistics.rows != seeds.size() || draw_statistics.shape[0] != plausible.size() || out.perturbed > seeds.size())
    return stale(folder);
  TRY(tail_slopes, load_npy(folder / "tail_slopes.npy"));
  TRY(tail_axes, load_npy_int32(folder / "tail_axes.npy"));
  out.tails = {std::move(tail_slopes), std::move(tail_axes)};
  out.statistics = std::move(statistics);
  out.draw_statistics = StoredMatrix(std::move(draw_statistics.file), draw_statistics.offset, draw_statistics.shape[0],
                                     draw_statistics.shape[1]);
  if (codes.rows != seeds.size() || plausible.size() != seeds.size() * static_cast<std::size_t>(draws) ||
      class_means.cols != codes.cols || out.generator_digest != generator)
    return stale(folder);
  out.class_means = std::move(class_means);
  out.seeds = std::move(seeds);
  out.codes = std::move(codes);
  out.plausible = std::move(plausible);
  return out;
}

Result<void> save_probe_set(const ProbeSet& value, const fs::path& folder) {
  TRY_OK(save_npy(folder / "seeds.npy", flatten(value.seeds)));
  TRY_OK(save_npy(folder / "codes.npy", value.codes));
  TRY_OK(save_npy(folder / "class_means.npy", value.class_means));
  TRY_OK(save_npy(folder / "plausible.npy", value.plausible));
  TRY_OK(save_npy(folder / "statistics.npy", value.statistics));
  TRY(draws,
      NpyWriter::create(folder / "draw_statistics.npy", {value.draw_statistics.rows(), value.draw_statistics.cols()}));
  TRY_OK(draws.write(value.draw_statistics.all()));
  TRY_OK(draws.finish());
  TRY_OK(save_npy(folder / "tail_slopes.npy", value.tails.slopes));
  TRY_OK(save_npy(folder / "tail_axes.npy", value.tails.axes));
  return save_meta(folder, {{"digest", value.digest},
                            {"generator", value.generator_digest},
                            {"data", value.data_digest},
                            {"draws", value.draws},
                            {"perturbed", value.perturbed},
                            {"plausible_share", value.plausible_share},
                            {"reconstruction_error", value.reconstruction_error}});
}

Result<ProbeEvaluation> load_answers(const fs::path& folder, const std::string& model, const ProbeSet& probes) {
  ProbeEvaluation out;
  TRY(meta, load_meta(folder));
  JsonReader fields(meta, "meta");
  out.model_digest = fields.text("model");
  out.probe_digest = fields.text("probes");
  TRY_OK(fields.status());
  // Another model's answers, or those to other images, could turn anything green.
  if (out.model_digest != model || out.probe_digest != probes.digest) return stale(folder);
  TRY(real, load_npy_int32(folder / "real.npy"));
  TRY(reconstructed, load_npy_int32(folder / "reconstructed.npy"));
  TRY(perturbed, load_npy_int32(folder / "perturbed.npy"));
  TRY(embeddings, load_npy(folder / "embeddings.npy"));
  TRY(logits, load_npy(folder / "logits.npy"));
  TRY(real_margin, load_npy(folder / "real_margin.npy"));
  TRY(perturbed_margin, load_npy(folder / "perturbed_margin.npy"));
  if (real_margin.data.size() != real.size() || perturbed_margin.data.size() != perturbed.size() ||
      logits.rows != real.size())
    return stale(folder);
  if (real.size() != probes.seeds.size() || reconstructed.size() != real.size() ||
      perturbed.size() != probes.plausible.size())
    return stale(folder);
  for (std::size_t i = 0; i < real.size(); ++i)
    if (real[i] != predicted_class(logits.row(i))) return stale(folder);
  out.real = std::move(real);
  out.reconstructed = std::move(reconstructed);
  out.perturbed = std::move(perturbed);
  out.embeddings = std::move(embeddings);
  out.logits = std::move(logits);
  out.real_margin = std::move(real_margin.data);
  out.perturbed_margin = std::move(perturbed_margin.data);
  return out;
}

Result<void> save_answers(const ProbeEvaluation& value, const fs::path& folder) {
  TRY_OK(save_npy(folder / "real.npy", value.real));
  TRY_OK(save_npy(folder / "reconstructed.npy", value.reconstructed));
  TRY_OK(save_npy(folder / "perturbed.npy", value.perturbed));
  TRY_OK(save_npy(folder / "logits.npy", value.logits));
  TRY_OK(save_npy(folder / "real_margin.npy", row_of(value.real_margin)));
  TRY_OK(save_npy(folder / "perturbed_margin.npy", row_of(value.perturbed_margin)));
  TRY_OK(save_npy(folder / "embeddings.npy", value.embeddings));
  return save_meta(folder, {{"model", value.model_digest}, {"probes", value.probe_digest}});
}

}  // namespace defuse
