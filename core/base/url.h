// Parts of a URL, taken apart once and strictly: anything that could mean two things to two readers is refused. Pure.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace defuse {

// "%2e" -> "."; `invalid_input` for a broken escape, a control character (NUL too) or text that is not UTF-8.
Result<std::string> percent_decode(std::string_view text);
std::string percent_encode(std::string_view text);  // everything but letters, digits and -._~

// "/v1/models/a" -> {"v1","models","a"}; segments are decoded after splitting, so an encoded slash never splits.
Result<std::vector<std::string>> split_path(std::string_view path);
// "a=1&b" -> {a: "1", b: ""}; a name given twice is refused.
Result<std::map<std::string, std::string>> parse_query(std::string_view query);

// True for 127.0.0.0/8, ::1 and localhost, with or without brackets.
bool is_loopback_host(std::string_view host);
// "localhost:8470" -> "localhost", "[::1]:8470" -> "::1"
std::string host_of_header(std::string_view header);

}  // namespace defuse
