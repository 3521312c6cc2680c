// How many members a struct has, and how many of them its description names: a member that was added and not described
// would be lost on its way to the daemon, and missing in the keys of the cache.
#pragma once
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace defuse::described {

// Stands for a value of any type; never evaluated.
struct Anything {
  template <class T>
  operator T() const;  // NOLINT(google-explicit-constructor)
};

template <class S, std::size_t... I>
constexpr bool takes(std::index_sequence<I...>) {
  return requires { S{(static_cast<void>(I), Anything{})...}; };
}

// Of an aggregate: as many as it can be made of.
template <class S, std::size_t Most = 40>
constexpr std::size_t members() {
  if constexpr (Most == 0 || takes<S>(std::make_index_sequence<Most>{})) {
    return Most;
  } else {
    return members<S, Most - 1>();
  }
}

// A visitor that counts what a description names.
class Counter {
 public:
  template <class... Rest>
  void field(const char*, Rest&&...) {
    ++count_;
  }
  template <class... Rest>
  void list(const char*, Rest&&...) {
    ++count_;
  }
  template <class... Rest>
  void object(const char*, Rest&&...) {
    ++count_;
  }
  template <class... Rest>
  void newer(const char*, Rest&&...) {
    ++count_;
  }
  template <class... Rest>
  void objects(const char*, Rest&&...) {
    ++count_;
  }
  template <class... Rest>
  void columns(Rest&&...) {
    ++count_;
  }
  template <class S, class... Rest>
  void alternative(const char*, Rest&&...) {}
  void exactly_one_alternative() { ++count_; }
  void constant(const char*, const char*) {}
  template <class... Rest>
  void repeats(const char*, Rest&&...) {}
  template <class... Rest>
  void check(Rest&&...) {}
  std::size_t count() const { return count_; }

 private:
  std::size_t count_ = 0;
};

template <class S>
std::size_t fields() {
  Counter counter;
  S value{};
  describe(counter, value);
  return counter.count();
}

}  // namespace defuse::described
