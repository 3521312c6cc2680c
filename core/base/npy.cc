#include "core/base/npy.h"

#include <charconv>
#include <optional>

namespace defuse {
namespace {

constexpr std::size_t kMaxHeader = 64 << 10;
constexpr std::size_t kMaxDimensions = 32;
constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 48;

// A cursor over {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Every step says whether it could be made.
class Literal {
 public:
  explicit Literal(std::string_view text) : rest_(text) {}

  bool eat(std::string_view token) {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\n')) rest_.remove_prefix(1);
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string> quoted() {
    const char mark = eat("'") ? '\'' : eat("\"") ? '"' : '\0';
    const auto end = mark == '\0' ? std::string_view::npos : rest_.find(mark);
    if (end == std::string_view::npos) return std::nullopt;
    std::string text(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return text;
  }
  std::optional<std::uint64_t> number() {
    eat("");  // skip blanks
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (code != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  std::optional<std::vector<std::uint64_t>> tuple() {
    std::vector<std::uint64_t> values;
    if (!eat("(")) return std::nullopt;
    while (!eat(")")) {
      const auto value = number();
      if (!value || values.size() == kMaxDimensions) return std::nullopt;
      values.push_back(*value);
      if (!eat(",")) {
        if (!eat(")")) return std::nullopt;
        break;
      }
    }
    return values;
  }
  bool at_end() {
    eat("");
    return rest_.empty();
  }

 private:
  std::string_view rest_;
};

struct Description {
  std::optional<std::string> descr;
  std::optional<bool> fortran;
  std::optional<std::vector<std::uint64_t>> shape;
};

bool parse_field(Literal& literal, Description& out) {
  const auto key = literal.quoted();
  if (!key || !literal.eat(":")) return false;
  if (*key == "descr") return (out.descr = literal.quoted()).has_value();
  if (*key == "shape") return (out.shape = literal.tuple()).has_value();
  if (*key != "fortran_order") return false;
  out.fortran = literal.eat("True");
  return *out.fortran || literal.eat("False");
}

std::optional<Description> parse_description(std::string_view text) {
  Literal literal(text);
  Description out;
  if (!literal.eat("{")) return std::nullopt;
  while (!literal.eat("}")) {
    if (!parse_field(literal, out)) return std::nullopt;
    if (literal.eat(",")) continue;
    if (!literal.eat("}")) return std::nullopt;
    break;
  }
  if (!literal.at_end() || !out.descr || !out.fortran || !out.shape) return std::nullopt;
  return out;
}

// "<f4", "|u1": byte order, kind, size.
bool parse_descr(const std::string& descr, NpyHeader& header) {
  if (descr.size() != 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos) return false;
  header.kind = descr[1];
  header.item_bytes = static_cast<std::size_t>(descr[2] - '0');
  header.big_endian = descr[0] == '>' && header.item_bytes > 1;
  return std::string_view("uifb").find(header.kind) != std::string_view::npos &&
         (header.item_bytes == 1 || header.item_bytes == 2 || header.item_bytes == 4 || header.item_bytes == 8);
}

}  // namespace

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = (value << 8) | std::to_integer<std::uint64_t>(bytes[i]);
  return value;
}

Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, const std::string& name) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with("\x93NUMPY")) return fail(ErrorCode::invalid_input, name + " is not a .npy file");
  if (bytes.size() < 8) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto version = std::to_integer<int>(bytes[6]);
  if (version < 1 || version > 3)
    return fail(ErrorCode::invalid_input, name + ": .npy version " + std::to_string(version) + " is not known");
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto length = little_endian(bytes.subspan(8, length_bytes));
  if (length > kMaxHeader)
    return fail(ErrorCode::invalid_input,
                name + ": its header of " + std::to_string(length) + " bytes is over the limit");
  NpyHeader header;
  header.header_bytes = 8 + length_bytes + length;
  if (bytes.size() < header.header_bytes) return fail(ErrorCode::corrupt, name + " is truncated inside its header");
  const auto description = parse_description(text.substr(8 + length_bytes, length));
  if (!description || !parse_descr(*description->descr, header))
    return fail(ErrorCode::invalid_input, name + ": its .npy header is not one of a plain array of numbers");
  if (*description->fortran && description->shape->size() > 1)
    return fail(ErrorCode::invalid_input, name + " is in Fortran order; save it with numpy.ascontiguousarray");
  header.shape = *description->shape;
  header.data_bytes = header.item_bytes;
  for (const auto side : header.shape)
    if (__builtin_mul_overflow(header.data_bytes, side, &header.data_bytes) || header.data_bytes > kMaxBytes)
      return fail(ErrorCode::invalid_input, name + ": the sizes in its header are impossibly large");
  return header;
}

std::string npy_header(std::string_view descr, std::span<const std::size_t> shape) {
  std::string dict = std::string("{'descr': '").append(descr) + "', 'fortran_order': False, 'shape': (";
  for (const auto extent : shape) dict += std::to_string(extent) + ",";
  dict += "), }";
  const std::size_t unpadded = 10 + dict.size() + 1;
  dict.append((64 - unpadded % 64) % 64, ' ');
  dict += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(dict.size() & 0xff);
  header += static_cast<char>(dict.size() >> 8);
  return header + dict;
}

}  // namespace defuse
