#include "reports/text.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace defuse {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr const char* kNothing = "–";

// Length of the well-formed UTF-8 character at the start, or 0. `code` is its code point.
std::size_t character(std::string_view text, std::uint32_t& code) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) {
    code = first;
    return 1;
  }
  const std::size_t length = first >= 0xF0 && first < 0xF5 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 0;
  if (length == 0 || first >= 0xF5 || text.size() < length) return 0;
  code = first & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
    code = (code << 6U) | (byte(i) & 0x3FU);
  }
  static constexpr std::array<std::uint32_t, 5> kLowest{0, 0, 0x80, 0x800, 0x10000};
  if (code < kLowest[length] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  return length;
}

bool misleading(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x200E || code == 0x200F || code == 0x061C || code == 0x2028 ||
         code == 0x2029 || code == 0xFEFF || (code & 0xFFFEU) == 0xFFFE;
}

std::string formatted(const char* format, double value) {
  char buffer[64];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(buffer, sizeof buffer, format, value);
#pragma GCC diagnostic pop
  return buffer;
}

}  // namespace

std::string clean(std::string_view text, std::size_t most) {
  std::string out;
  out.reserve(std::min(text.size(), most) + 3);
  while (!text.empty()) {
    std::uint32_t code = 0;
    const std::size_t length = character(text, code);
    std::string_view piece = length == 0 ? kReplacement : text.substr(0, length);
    if (code == '\n' || code == '\r' || code == '\t') {
      piece = " ";
    } else if (length != 0 && misleading(code)) {
      piece = kReplacement;
    }
    if (out.size() + piece.size() > most) return out + "…";
    out += piece;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : clean(text, 4'000)) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string markdown_escaped(std::string_view text, std::size_t most) {
  // A zero-width space keeps forges from turning "@name" and "#12" into mentions and links: they look at the rendered
  // text.
  static constexpr std::string_view kSplit = "&#8203;";
  std::string out;
  const std::string cleaned = clean(text, most);
  for (std::size_t i = 0; i < cleaned.size(); ++i) {
    const char c = cleaned[i];
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '@' || c == '#')
      (out += c) += kSplit;
    else if (c == ':' && std::string_view(cleaned).substr(i).starts_with("://"))
      out += "&#58;";
    else if (c == '.' && i >= 3 && (cleaned[i - 1] | 0x20) == 'w' && (cleaned[i - 2] | 0x20) == 'w')
      out += "&#46;";
    else if (std::string_view("\\`*_{}[]|~").find(c) != std::string_view::npos)
      (out += '\\') += c;
    else
      out += c;
  }
  return out;
}

std::string percent(double fraction) {
  if (!std::isfinite(fraction)) return kNothing;
  const double value = fraction * 100;
  const double size = std::abs(value);
  if (size == 0) return "0 %";
  if (size == 100) return value < 0 ? "-100 %" : "100 %";
  if (size < 0.01) return value < 0 ? "> -0.01 %" : "< 0.01 %";
  const bool two = size < 1 || (size > 99 && size < 100);
  std::string text = formatted(two ? "%.2f" : "%.1f", value);
  if (two && (text == "100.00" || text == "-100.00")) text = value < 0 ? "-99.99" : "99.99";
  if (text.ends_with(".0") && size < 99) text.resize(text.size() - 2);
  return text + " %";
}

std::string points(double difference) {
  if (!std::isfinite(difference)) return kNothing;
  const std::string text = formatted("%+.2f", difference * 100);
  return (text == "-0.00" || text == "+0.00" ? "±0" : text) + " points";
}

std::string grouped(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) digits.insert(at -= 3, ",");
  return digits;
}

std::string plural(std::int64_t count, std::string_view one) {
  return grouped(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

std::string probability(double p) {
  if (!std::isfinite(p)) return kNothing;
  if (p < 0.0001) return "< 0.0001";
  return formatted(p < 0.1 ? "%.2g" : "%.2f", p);
}

std::string number(double value) { return std::isfinite(value) ? formatted("%.4g", value) : kNothing; }

std::string bytes(std::uint64_t count) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(count);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return formatted(unit == 0 || value >= 100 ? "%.0f " : "%.1f ", value) + kUnits[unit];
}

std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return kNothing;
  if (seconds < 10) return formatted("%.2f s", seconds);
  if (seconds < 120) return formatted("%.0f s", seconds);
  const auto whole = static_cast<std::int64_t>(std::min(seconds, 1e12));
  return grouped(whole / 60) + " min " + std::to_string(whole % 60) + " s";
}

std::string moment(TimePoint time) {
  const std::string full = to_rfc3339(time);
  return full.substr(0, 10) + " " + full.substr(11, 5) + " UTC";
}

std::string short_digest(std::string_view digest) { return clean(digest.substr(0, 12)); }

std::string url_escaped(std::string_view segment) {
  std::string out;
  for (const char c : segment) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    char code[8];
    std::snprintf(code, sizeof code, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += plain ? std::string(1, c) : code;
  }
  return out;
}

}  // namespace defuse
