// Words and numbers for people: cleaning of untrusted text, escaping for each format, and figures with sensible digits.
// Everything in a report that came from a registry or a worker passes through clean(). Pure functions; thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace defuse {

// Valid UTF-8 of at most `most` bytes (cut at a character, with "…"). Control characters and those that turn the
// direction of writing become U+FFFD, so a name can neither break a format nor pass for another one. Line ends become
// spaces.
std::string clean(std::string_view text, std::size_t most = 600);

std::string xml_escaped(std::string_view text);                               // for element text and attributes; cleans
std::string markdown_escaped(std::string_view text, std::size_t most = 600);  // for a table cell or a line; cleans

// "98.4 %", "0.61 %", "100 %"; never 100 % for less than all, nor 0 % for more than none. "–" for NaN.
std::string percent(double fraction);
std::string points(double difference);                         // "+0.3 points"
std::string grouped(std::int64_t count);                       // "10,000"
std::string plural(std::int64_t count, std::string_view one);  // "1 image", "10,000 images"
std::string probability(double p);                             // "0.012", "< 0.0001"
std::string number(double value);                              // four significant digits; "–" for NaN
std::string bytes(std::uint64_t count);                        // "410 MiB"
std::string duration(double seconds);                          // "0.21 s", "3 min 20 s"
std::string moment(TimePoint time);                            // "2026-03-01 12:00 UTC"
std::string short_digest(std::string_view digest);             // first 12 characters

std::string url_escaped(std::string_view segment);  // one segment of a path

}  // namespace defuse
