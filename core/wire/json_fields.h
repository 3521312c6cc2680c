// Bounded reading of the fields that a worker's result is made of: lists with a greatest length, whole numbers with a
// range, texts with a greatest size, file names without folders. Used by the *_json.cc files only; every function names
// the path of what it refuses. Pure; thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/evidence/evaluation.h"
#include "core/verdict/job.h"

namespace defuse::fields {

// A result is untrusted: these bounds are far above what a gate makes and far below what would hurt the daemon.
inline constexpr std::size_t kMaxText = 64 << 10;
inline constexpr std::size_t kMaxRegions = 1'000;
inline constexpr std::size_t kMaxFindings = 10'000;
inline constexpr std::size_t kMaxMembers = 100'000;
inline constexpr std::size_t kMaxSamples = 1'000;
inline constexpr std::size_t kMaxImages = 10'000'000;  // indices of flipped images
inline constexpr std::size_t kMaxClasses = 100'000;
inline constexpr std::size_t kMaxDimensions = 1 << 20;
inline constexpr std::size_t kMaxChecks = 100;
inline constexpr std::size_t kMaxList = 10'000;  // reasons, warnings, stations, versions
inline constexpr std::int64_t kMaxCount = std::int64_t{1} << 52;

std::string child(const JsonReader& reader, const char* key);
std::string text(JsonReader& reader, const char* key);
std::string plain_name(JsonReader& reader, const char* key);  // empty, or a file name that stays in its folder
std::int64_t count(JsonReader& reader, const char* key);      // >= 0
std::int64_t between(JsonReader& reader, const char* key, std::int64_t lowest, std::int64_t highest);
std::int32_t class_index(JsonReader& reader, const char* key);  // -1 = none
std::vector<std::string> texts(JsonReader& reader, const char* key, std::size_t most = kMaxList);
std::vector<std::int64_t> counts(JsonReader& reader, const char* key, std::size_t most);
std::vector<std::uint32_t> indices(JsonReader& reader, const char* key, std::size_t most);
std::vector<double> numbers(JsonReader& reader, const char* key, std::size_t most);
TimePoint time(JsonReader& reader, const char* key);

// Present and null, or present and something. Absent is a problem: a field that got lost must not read as "there is
// none".
bool present(JsonReader& reader, const char* key);

// The enumerator whose name the text is.
template <class E, std::size_t N>
E name(JsonReader& reader, const char* key, const std::array<E, N>& all) {
  const std::string found = reader.text(key);
  std::string known;
  for (const E value : all) {
    if (to_string(value) == found) return value;
    known += (known.empty() ? "" : ", ") + std::string(to_string(value));
  }
  reader.problem(key, "expected one of " + known);
  return all.front();
}

// A list of objects, each read by `decode(json, path)`. Stops at the first problem, which is also the reader's.
template <class T, class Decode>
Result<std::vector<T>> list(JsonReader& reader, const char* key, std::size_t most, Decode&& decode) {
  const Json& items = reader.array(key);
  if (items.size() > most) reader.problem(key, "more than " + std::to_string(most) + " entries");
  TRY_OK(reader.status());
  std::vector<T> out;
  out.reserve(items.size());
  const std::string path = child(reader, key);
  for (std::size_t i = 0; i < items.size(); ++i) {
    TRY(item, decode(items[i], path + "[" + std::to_string(i) + "]"));
    out.push_back(std::move(item));
  }
  return out;
}

inline constexpr std::array kModes{CheckMode::block, CheckMode::warn, CheckMode::shadow, CheckMode::off};
inline constexpr std::array kStates{VerdictState::pass, VerdictState::fail, VerdictState::inconclusive,
                                    VerdictState::error};

// Parts that only a whole result holds.
Json comparison_to_json(const Comparison& comparison);
Result<Comparison> comparison_from_json(const Json& json, const std::string& path);
Json sample_to_json(const RegionSample& sample);
Result<RegionSample> sample_from_json(const Json& json, const std::string& path);
Result<GeneratorHealth> generator_health_from_json(const Json& json, const std::string& path);
Result<ContractFacts> contract_facts_from_json(const Json& json, const std::string& path);

}  // namespace defuse::fields
