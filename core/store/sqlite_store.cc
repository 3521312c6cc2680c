#include "core/store/sqlite_store.h"

#include <utility>

#include "core/base/json.h"

namespace defuse {

SqliteStore::SqliteStore(std::unique_ptr<Database> database, const Clock& clock)
    : database_(std::move(database)), clock_(clock) {}

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file, Mode mode, const Clock& clock) {
  const auto access = mode == Mode::read_write ? Database::Access::read_write : Database::Access::read_only;
  TRY(database, Database::open(file, access, clock.now()));
  return std::unique_ptr<Store>(std::make_unique<SqliteStore>(std::move(database), clock));
}

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
