#include "core/settings/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/base/json.h"

namespace defuse {
namespace {

template <class T>
struct Unit {
  std::string_view name;
  T factor;
};

// From small to large: formatting takes the largest that divides.
constexpr std::array<Unit<std::int64_t>, 5> kDurations{
    {{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<Unit<std::uint64_t>, 7> kSizes{{{"B", 1},
                                                     {"kB", 1000},
                                                     {"KiB", 1024},
                                                     {"MB", 1'000'000},
                                                     {"MiB", 1ULL << 20},
                                                     {"GB", 1'000'000'000},
                                                     {"GiB", 1ULL << 30}}};

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  T value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// The number before the unit times its factor, exact where the result is whole. Doubles hold integers up to 2^53, which
// is 285,000 years in milliseconds and 8 PiB.
constexpr double kExact = 9007199254740992.0;

std::optional<double> scaled(std::string_view number, double factor) {
  const auto value = parse_number(number);
  if (!value || *value < 0) return std::nullopt;
  const double product = *value * factor;
  const double whole = std::round(product);
  if (whole > kExact || std::abs(product - whole) > 1e-9 * std::max(1.0, product)) return std::nullopt;
  return whole;
}

template <class Units>
std::optional<double> parse_with_unit(std::string_view text, const Units& units) {
  const auto split = text.find_last_of("0123456789.");
  if (split == std::string_view::npos) return std::nullopt;
  auto unit = text.substr(split + 1);
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  for (const auto& known : units)
    if (known.name == unit) return scaled(text.substr(0, split + 1), static_cast<double>(known.factor));
  return std::nullopt;
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  // from_chars also takes "inf" and "nan".
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_whole<std::int64_t>(text); }
std::optional<std::uint64_t> parse_unsigned(std::string_view text) { return parse_whole<std::uint64_t>(text); }

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_with_unit(text, kDurations);
  if (!value) return std::nullopt;
  return std::chrono::milliseconds(static_cast<std::int64_t>(*value));
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto value = parse_with_unit(text, kSizes);
  if (!value) return std::nullopt;
  return static_cast<std::uint64_t>(*value);
}

std::optional<double> parse_fraction(std::string_view text) {
  const bool percent = !text.empty() && text.back() == '%';
  if (percent) text.remove_suffix(1);
  if (percent && !text.empty() && text.back() == ' ') text.remove_suffix(1);
  auto value = parse_number(text);
  if (value && percent) *value /= 100;
  return value;
}

std::string format_duration(std::chrono::milliseconds value) {
  if (value.count() == 0) return "0s";
  auto best = kDurations.front();
  for (const auto& unit : kDurations)
    if (value.count() % unit.factor == 0) best = unit;
  return std::to_string(value.count() / best.factor) + std::string(best.name);
}

std::string format_size(std::uint64_t bytes) {
  if (bytes == 0) return "0B";
  std::string best = std::to_string(bytes) + "B";
  for (const auto& unit : kSizes) {
    if (bytes % unit.factor != 0) continue;
    const auto text = std::to_string(bytes / unit.factor) + std::string(unit.name);
    if (text.size() < best.size()) best = text;
  }
  return best;
}

std::string format_fraction(double value) {
  const auto text = dump_json(json_number(value * 100));
  return (text.ends_with(".0") ? text.substr(0, text.size() - 2) : text) + "%";
}

}  // namespace defuse
