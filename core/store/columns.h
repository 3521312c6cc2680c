// What columns hold as JSON, and what becomes of rows that hold what they should not.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "core/base/names.h"
#include "core/base/result.h"

namespace defuse {

// A list of texts as a JSON array, and back. `corrupt` names the database.
std::string texts_to_json(const std::vector<std::string>& texts);
template <class Tag>
std::string texts_to_json(const std::vector<Named<Tag>>& names) {
  return texts_to_json(std::vector<std::string>(names.begin(), names.end()));
}
Result<std::vector<std::string>> texts_from_json(const std::string& json, const std::string& column);

// Rows that hold what they should not are `corrupt`, whatever the decoder called it.
template <class T>
Result<T> or_corrupt(Result<T> result, const std::string& what) {
  if (result) return result;
  return fail(ErrorCode::corrupt, "stored " + what + ": " + result.error().describe());
}

}  // namespace defuse
