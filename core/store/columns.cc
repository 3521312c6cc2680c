#include "core/store/columns.h"

#include "core/base/json.h"

namespace defuse {

std::string texts_to_json(const std::vector<std::string>& texts) {
  Json array = Json::array();
  for (const auto& text : texts) array.push_back(text);
  return dump_json(array);
}

Result<std::vector<std::string>> texts_from_json(const std::string& json, const std::string& column) {
  std::vector<std::string> texts;
  if (json == "[]") return texts;  // most lists are empty, and some are read by the thousand
  TRY(array, or_corrupt(parse_json(json, column), column));
  if (!array.is_array()) return fail(ErrorCode::corrupt, "stored " + column + " is no list");
  for (const auto& text : array) {
    if (!text.is_string()) return fail(ErrorCode::corrupt, "stored " + column + " holds something that is no text");
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

}  // namespace defuse
