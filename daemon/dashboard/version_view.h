// The parts of a version's page, as data for its template. What they show of a report comes from page.json and map.json
// beside it (reports/page_json.h), which the daemon wrote; a part whose data is not there is left out. Internal to
// daemon/http; pure; thread-safe.
#pragma once
#include <string>

#include "core/base/json.h"
#include "core/verdict/verdict.h"

namespace defuse::http {

// Fields of a document that may be of an older release: what is missing or of another kind is empty.
std::string text_at(const Json& object, const char* key);
double number_at(const Json& object, const char* key);
bool truth_at(const Json& object, const char* key);
const Json& list_at(const Json& object, const char* key);    // an empty list if there is none
const Json& object_at(const Json& object, const char* key);  // an empty object if there is none

// Each check with its worst finding and where that lies against its limit.
Json check_rows(const Verdict& verdict, const Json& page);
// Violations first; "folded" are those that need nobody's attention, or are too many.
Json finding_lists(const Verdict& verdict);
// A table of both models' answers while it fits a page, else a list of the cells that differ most. Null without counts.
Json confusion_table(const Json& page);
// Pictures are addressed beneath `url`, the version's.
Json flip_pictures(const Json& page, const std::string& url);
Json region_cards(const Json& page, const std::string& url);
// The map in one projection, "tsne" or "pca"; any other word is the first there is. Null without a map.
Json map_view(const Json& map, const Json& page, const std::string& projection, const std::string& url);

}  // namespace defuse::http
