// Texts that name things, each a type of its own: a version can't be passed where a digest is meant. Into a name only
// by saying which ("Version(text)"), but for a literal, which says itself what it is; out of it freely, as the text it
// is. Nothing is checked here: who reads a name from outside does that. Plain values.
#pragma once
#include <compare>
#include <concepts>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace defuse {

template <class Tag>
class Named;

// Texts that are not names: a name is compared with these and with its own kind, never with another kind.
template <class T>
concept PlainText =
    std::same_as<T, std::string> || std::same_as<T, std::string_view> || std::convertible_to<const T&, const char*>;

template <class Tag>
class Named {
 public:
  Named() = default;
  explicit Named(std::string text) : text_(std::move(text)) {}
  template <std::size_t N>
  Named(const char (&literal)[N]) : text_(literal) {}
  template <class Other>
  explicit Named(const Named<Other>&) = delete;  // a digest is no version

  const std::string& str() const { return text_; }
  operator const std::string&() const { return text_; }
  operator std::string_view() const { return text_; }
  bool empty() const { return text_.empty(); }

  friend bool operator==(const Named&, const Named&) = default;
  friend auto operator<=>(const Named&, const Named&) = default;
  template <PlainText Text>
  friend bool operator==(const Named& name, const Text& text) {
    return name.text_ == text;
  }

  friend std::string operator+(std::string left, const Named& right) { return std::move(left) + right.text_; }
  friend std::string operator+(const Named& left, std::string_view right) {
    return std::string(left.text_).append(right);
  }
  friend std::filesystem::path operator/(const std::filesystem::path& folder, const Named& name) {
    return folder / name.text_;
  }
  friend std::ostream& operator<<(std::ostream& out, const Named& name) { return out << name.text_; }

 private:
  std::string text_;
};

using ModelName = Named<struct ModelNameTag>;  // a model line: the folder under the registry's root
using Version = Named<struct VersionTag>;      // of a model line: the folder under the model's
using Digest = Named<struct DigestTag>;        // SHA-256 in lower-case hex
using RegionId = Named<struct RegionIdTag>;    // of a region of errors: "r-" and twelve hex digits

// Enough of it for people.
inline std::string short_digest(const Digest& digest) { return digest.str().substr(0, 12); }

}  // namespace defuse

template <class Tag>
struct std::hash<defuse::Named<Tag>> {
  std::size_t operator()(const defuse::Named<Tag>& name) const { return std::hash<std::string>()(name.str()); }
};
