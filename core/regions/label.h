// What people say of a region: nothing, that it is a bug ("confirmed"), that its images have no right label
// ("ambiguous"), that they show nothing real ("unrealistic"), or what they do show ("class:<n>"). The one place that
// reads and writes these words; they are the same in the store, in JSON, on pages and on the command line. Plain value.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

class RegionLabel {
 public:
  enum class Word : std::uint8_t { none, confirmed, ambiguous, unrealistic, shows_class };

  RegionLabel() = default;                           // nobody said anything, or took it back
  RegionLabel(Word word) : word_(word) {}            // requires: not shows_class
  static RegionLabel of_class(std::int32_t number);  // requires: number >= 0

  // `invalid_input` for any other word. Each label has one spelling: no "class:03". Empty text is no label.
  static Result<RegionLabel> from(std::string_view text);

  Word word() const { return word_; }
  std::optional<std::int32_t> named_class() const;  // what people say its images show
  // Nobody could say what its images are to be called: nothing is counted against a version, nothing can be learnt.
  bool without_class() const { return word_ == Word::ambiguous || word_ == Word::unrealistic; }

  friend bool operator==(const RegionLabel&, const RegionLabel&) = default;

 private:
  Word word_ = Word::none;
  std::int32_t class_ = -1;  // of shows_class
};

std::string to_string(const RegionLabel& label);  // empty for no label

}  // namespace defuse
