#include "core/regions/label.h"

#include <charconv>

namespace defuse {
namespace {
constexpr std::string_view kClass = "class:";
}  // namespace

RegionLabel RegionLabel::of_class(std::int32_t number) {
  RegionLabel label(Word::shows_class);
  label.class_ = number;
  return label;
}

Result<RegionLabel> RegionLabel::from(std::string_view text) {
  for (const Word word : {Word::none, Word::confirmed, Word::ambiguous, Word::unrealistic})
    if (text == to_string(RegionLabel(word))) return RegionLabel(word);
  if (text.starts_with(kClass)) {
    const auto digits = text.substr(kClass.size());
    const char* end = digits.data() + digits.size();
    std::int32_t number = -1;
    const auto [rest, code] = std::from_chars(digits.data(), end, number);
    const bool canonical = digits.size() == 1 || !digits.starts_with('0');
    if (code == std::errc() && rest == end && number >= 0 && canonical) return of_class(number);
  }
  return fail(ErrorCode::invalid_input,
              "'" + std::string(text) + "' is no label (confirmed, ambiguous, unrealistic, class:<n>, or nothing)");
}

std::optional<std::int32_t> RegionLabel::named_class() const {
  return word_ == Word::shows_class ? std::optional(class_) : std::nullopt;
}

std::string to_string(const RegionLabel& label) {
  switch (label.word()) {
    case RegionLabel::Word::none:
      return "";
    case RegionLabel::Word::confirmed:
      return "confirmed";
    case RegionLabel::Word::ambiguous:
      return "ambiguous";
    case RegionLabel::Word::unrealistic:
      return "unrealistic";
    case RegionLabel::Word::shows_class:
      return std::string(kClass) + std::to_string(*label.named_class());
  }
  return "";
}

}  // namespace defuse
