// The report as Markdown for a pull request: the verdict in the first lines, then reasons, regions, checks and numbers.
// At most kMaxMarkdown characters, cut visibly between lines. Every name is escaped: no HTML, links or mentions come
// through. Pure.
#pragma once
#include <string>

#include "reports/wording.h"

namespace defuse {

inline constexpr std::size_t kMaxMarkdown = 60'000;  // GitHub takes 65,536 characters in a comment

std::string markdown_report(const Report& report, const Waivers& waivers = {});

}  // namespace defuse
