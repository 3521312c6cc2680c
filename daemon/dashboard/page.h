// Fills a mustache template that is part of the program. Values are escaped; a template never asks for raw text except
// for the page's own body. The one file that knows the mustache library. Thread-safe.
#pragma once
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace defuse {

// Objects, lists, text and truth map as they are; numbers become text; null is false. `internal` if the template is
// broken.
Result<std::string> render_page(std::string_view template_name, const Json& data);

}  // namespace defuse
