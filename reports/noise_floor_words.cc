// What the noise floor says, in sentences that every report shows alike.
#include <cmath>
#include <string>
#include <vector>

#include "core/compare/noise_floor.h"
#include "core/verdict/report.h"
#include "reports/text.h"
#include "reports/wording.h"

namespace defuse {
namespace {

std::string range_of(const BothWays& both) { return percent(both.forward) + " and " + percent(both.backward); }

// "1 of 6 values of equally good versions is as large"
std::string rank_words(const NoiseLimit& limit) {
  return grouped(limit.at_least) + " of the siblings' " + grouped(limit.values) + " values are as large";
}

void add_limit(const char* what, const NoiseLimit& limit, std::vector<std::string>& lines) {
  if (!std::isfinite(limit.limit)) return;
  std::string line = std::string(what) + ": siblings " + percent(limit.mean) + " on average, at most " +
                     percent(limit.largest) + "; limit " + percent(limit.limit);
  if (std::isfinite(limit.default_limit)) line += " (" + percent(limit.default_limit) + " without siblings)";
  if (std::isfinite(limit.candidate)) line += "; this version " + percent(limit.candidate) + ": " + rank_words(limit);
  lines.push_back(line + ".");
}

}  // namespace

std::vector<std::string> noise_floor_lines(const Report& report) {
  std::vector<std::string> lines;
  if (!report.result.noise_floor) return lines;
  const NoiseFloor& floor = *report.result.noise_floor;
  if (!floor.made()) {
    lines.push_back("No noise floor could be made, so the default limits hold: " + clean(floor.problem) + ".");
  } else {
    lines.push_back(plural(floor.counted, "sibling") + " compared with the version in production, both ways. With " +
                    grouped(floor.counted) +
                    ", an equally good version exceeds all of their values one way with a chance of 1 in " +
                    grouped(floor.counted + 1) + "; the limits are bounds that allow for how few there are.");
    add_limit("Net flip rate of the worst region, lower bound", floor.region, lines);
    add_limit("The same of clear flips", floor.clear_region, lines);
    add_limit("Images that worked and broke", floor.flips, lines);
    add_limit("The same against independent errors", floor.relative, lines);
  }
  for (const SiblingValues& sibling : floor.siblings) {
    if (!sibling.left_out.empty()) {
      lines.push_back("Version " + clean(sibling.version, 80) + " does not count: " + clean(sibling.left_out) + ".");
      continue;
    }
    std::string line = "Version " + clean(sibling.version, 80) + ": " + grouped(sibling.overall.negative_flips) +
                       " broke, " + grouped(sibling.overall.positive_flips) + " fixed";
    if (std::isfinite(sibling.flips.forward)) line += "; worst regions " + range_of(sibling.flips) + ", either way";
    lines.push_back(line + ".");
  }
  return lines;
}

}  // namespace defuse
