#include "core/gate/map_station.h"

#include <chrono>
#include <utility>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/cache/npy_array.h"
#include "core/gate/keys.h"
#include "core/torch/thread_team.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxSprite = 4UL << 20;
constexpr const char* kSpriteName = "map.png";

Matrix pairs_matrix(const std::vector<float>& values) {
  Matrix matrix(values.size() / 2, 2);
  matrix.data = values;
  return matrix;
}

Result<StoredMap> load_map(const fs::path& folder, const ProbeSet& probes) {
  StoredMap out;
  TRY(text, read_file(folder / "meta.json", 1 << 16));
  TRY(meta, parse_json(text, (folder / "meta.json").string()));
  JsonReader fields(meta, "meta");
  out.map.pca_share = fields.number("pca_share");
  out.map.tsne_problem = fields.text("tsne_problem");
  out.sprite.columns = fields.integer("columns");
  out.sprite.tile_width = fields.integer("tile_width");
  out.sprite.tile_height = fields.integer("tile_height");
  TRY_OK(fields.status());
  TRY(seeds, load_npy_int32(folder / "seeds.npy"));
  TRY(pca, load_npy(folder / "pca.npy"));
  TRY(tsne, load_npy(folder / "tsne.npy"));
  TRY(png, read_file(folder / "sprite.png", kMaxSprite));
  for (const auto seed : seeds) {
    if (seed < 0 || static_cast<std::size_t>(seed) >= probes.seeds.size())
      return fail(ErrorCode::corrupt, folder.string() + " is a map of other seeds");
    out.map.seeds.push_back(static_cast<std::uint32_t>(seed));
  }
  if (pca.rows != seeds.size() || pca.cols != 2 || (tsne.rows != 0 && tsne.rows != seeds.size()))
    return fail(ErrorCode::corrupt, folder.string() + " does not fit what is asked of it");
  out.map.pca = std::move(pca.data);
  out.map.tsne = std::move(tsne.data);
  out.sprite.png = std::move(png);
  return out;
}

Result<void> save_map(const StoredMap& value, const fs::path& folder) {
  const std::vector<std::int32_t> seeds(value.map.seeds.begin(), value.map.seeds.end());
  TRY_OK(save_npy(folder / "seeds.npy", std::span<const std::int32_t>(seeds)));
  TRY_OK(save_npy(folder / "pca.npy", pairs_matrix(value.map.pca)));
  TRY_OK(save_npy(folder / "tsne.npy", pairs_matrix(value.map.tsne)));
  TRY_OK(write_file(folder / "sprite.png", value.sprite.png));
  return write_atomically(folder / "meta.json", dump_json({{"pca_share", json_number(value.map.pca_share)},
                                                           {"tsne_problem", value.map.tsne_problem},
                                                           {"columns", value.sprite.columns},
                                                           {"tile_width", value.sprite.tile_width},
                                                           {"tile_height", value.sprite.tile_height}},
                                                          2));
}

Result<StoredMap> make_map(const ProbeSet& probes, const Splits& splits, const StageContext& context) {
  const auto started = std::chrono::steady_clock::now();
  const auto go_on = [&] {
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - started;
    return taken.count() < kMapSeconds && !context.progress.stop_requested();
  };
  const ThreadTeam team(context.job.worker.threads);
  const auto spread = [&](std::size_t tasks, const std::function<void(std::size_t)>& work) {
    harmless(team.run(tasks,
                      [&](std::size_t task) -> Result<void> {
                        work(task);
                        return {};
                      }),
             "the work itself cannot fail");
  };
  StoredMap out;
  TRY(map, latent_map(probes, kMapSeeds, context.job.settings.seed, spread, go_on));
  if (context.progress.stop_requested()) return fail(ErrorCode::cancelled, "drawing the map was stopped");
  out.map = std::move(map);
  out.sprite = sprite_of(out.map.seeds.size(), splits.test.shape(), [&](std::size_t i, std::span<float> pixels) {
    const Seed& seed = probes.seeds[out.map.seeds[i]];
    (seed.split == Split::test ? splits.test : splits.train).read(seed.index, 1, pixels);
  });
  if (out.sprite.png.size() > kMaxSprite) out.sprite = {};
  return out;
}

}  // namespace

Result<StoredMap> map_of(const ProbeSet& probes, const Splits& splits, StageContext& context) {
  StationTimer timer(context, "map");
  return context.cache.get<StoredMap>(
      "map", map_key(probes.digest, context.job.settings.seed),
      [&](const fs::path& folder) { return load_map(folder, probes); },
      [&] { return make_map(probes, splits, context); }, save_map, timer.cached);
}

Result<VersionMap> draw_map(const StoredMap& stored, VersionMap map, const fs::path& folder) {
  if (stored.sprite.png.empty()) return map;
  TRY_OK(write_file(folder / kSpriteName, stored.sprite.png));
  map.sprite = kSpriteName;
  map.columns = stored.sprite.columns;
  map.tile_width = stored.sprite.tile_width;
  map.tile_height = stored.sprite.tile_height;
  return map;
}

}  // namespace defuse
