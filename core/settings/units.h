// Quantities with units, as people write them: "5s", "30min", "4GiB", "2%". Used by the decoder; reads and writes text
// only. A bare number is refused where a unit is due: nobody can tell whether 30 means seconds or minutes.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace defuse {

// A plain finite decimal number, whole text: "0.5", "-3", "1e-3". Neither "nan" nor "0x10" nor " 5".
std::optional<double> parse_number(std::string_view text);
std::optional<std::int64_t> parse_integer(std::string_view text);  // "-12"; no sign but minus, no fraction
std::optional<std::uint64_t> parse_unsigned(std::string_view text);

// A number >= 0 and one of ms, s, min, h, d: "200ms", "1.5h". nullopt if it is not one, or not a whole number of
// milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// A number >= 0 and one of B, kB, MB, GB (powers of 1000), KiB, MiB, GiB (powers of 1024).
std::optional<std::uint64_t> parse_size(std::string_view text);

// "2%" or "0.02", both 0.02. The range is the caller's matter.
std::optional<double> parse_fraction(std::string_view text);

// The inverse: the shortest of the forms above that parses back to the same value.
std::string format_duration(std::chrono::milliseconds value);
std::string format_size(std::uint64_t bytes);
std::string format_fraction(double value);  // "2%"

}  // namespace defuse
