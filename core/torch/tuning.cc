#include "core/torch/tuning.h"

#include <algorithm>
#include <array>

#include "core/base/json.h"

namespace defuse {

namespace {

constexpr int kFormat = 1;
constexpr std::size_t kLargestBatch = 4096;

}  // namespace

std::string to_json_text(const Tuning& tuning) {
  Json json;
  json["format"] = kFormat;
  json["batch"] = tuning.batch;
  json["channels_last"] = tuning.channels_last;
  json["frozen"] = tuning.frozen;
  return dump_json(json) + "\n";
}

Result<Tuning> tuning_from_json(std::string_view text) {
  auto json = parse_json(text, "tuning");
  if (!json) return fail(ErrorCode::corrupt, json.error().message);
  JsonReader reader(*json, "tuning");
  const auto format = reader.integer("format");
  const auto batch = reader.integer("batch");
  Tuning tuning{.batch = 0, .channels_last = reader.boolean("channels_last"), .frozen = reader.boolean("frozen")};
  if (auto status = reader.status(); !status) return fail(ErrorCode::corrupt, status.error().message);
  if (format != kFormat) return fail(ErrorCode::corrupt, "tuning has format " + std::to_string(format));
  if (batch < 1 || batch > static_cast<std::int64_t>(kLargestBatch)) {
    return fail(ErrorCode::corrupt, "tuning: batch " + std::to_string(batch) + " is out of range");
  }
  tuning.batch = static_cast<std::size_t>(batch);
  return tuning;
}

}  // namespace defuse
