#include "reports/html_report.h"

#include <algorithm>
#include <cmath>

#include "embedded/report_css.h"
#include "embedded/report_template.h"
#include "reports/html_parts.h"
#include "reports/text.h"

namespace defuse {
namespace html {

Limits Limits::halved() const {
  return {cards / 2,   rows / 2,  pictures,         flips / 2,     findings / 2,
          classes / 2, lines / 2, region_bytes / 2, flip_bytes / 2};
}

void add_more(Data& data, const char* key, std::size_t left_out, const char* what) {
  if (left_out > 0) data.set(key, plural(static_cast<std::int64_t>(left_out), std::string("more ") + what));
}

Data fact(const std::string& name, const std::string& value) {
  Data data;
  data.set("name", name);
  data.set("value", value);
  return data;
}

void add_list(Data& data, const std::string& key, const Data& list) {
  data.set("has_" + key, !list.list_value().empty());
  data.set(key, list);
}

namespace {

// Strokes in a 24 x 24 box; shape tells the verdict where colour cannot.
const char* icon(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "M4 12.5l5 5L20 6.5";
    case VerdictState::fail:
      return "M5 5l14 14M19 5L5 19";
    case VerdictState::inconclusive:
      return "M8 8.5a4 4 0 1 1 5.5 3.7c-1 .5-1.5 1.2-1.5 2.6M12 19v.1";
    case VerdictState::error:
      break;
  }
  return "M12 3.5L22 20.5H2zM12 10v4.5M12 17.3v.1";
}

// decide() opens a reason with the check's id: "accuracy: …". People get its title.
struct Reason {
  std::string check;
  std::string text;
};

Reason split_reason(const Report& report, std::string text) {
  const std::string headline = verdict_headline(report.verdict.state) + ". ";
  if (text.starts_with(headline)) text.erase(0, headline.size());
  for (const CheckOutcome& check : report.verdict.checks)
    if (!check.check.empty() && text.starts_with(check.check + ": "))
      return {check_title(check.check), clean(text.substr(check.check.size() + 2), 1'000)};
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return {"", clean(text, 1'000)};
}

void add_reasons(const Report& report, const Limits& limits, Data& page) {
  const Reason first = split_reason(report, report.verdict.reason);
  if (!first.check.empty()) page.set("reason_check", first.check);
  page.set("reason", first.text);
  if (!report.cause.empty()) page.set("cause", clean(report.cause, 1'000));
  page.set("meaning", verdict_meaning(report.verdict.state));
  Data reasons(Data::type::list), warnings(Data::type::list);
  const auto& all = report.verdict.reasons;
  for (std::size_t i = 0; i < all.size() && i < limits.lines; ++i) {
    const Reason reason = split_reason(report, all[i]);
    Data line;
    if (!reason.check.empty()) line.set("check", reason.check);
    line.set("text", reason.text);
    reasons.push_back(line);
  }
  if (all.size() > limits.lines)
    page.set("more_reasons", grouped(static_cast<std::int64_t>(all.size() - limits.lines)));
  page.set("reasons", reasons);
  const auto& warned = report.verdict.warnings;
  for (std::size_t i = 0; i < warned.size() && i < limits.lines; ++i) warnings.push_back(Data(clean(warned[i])));
  add_list(page, "warnings", warnings);
  if (warned.size() > limits.lines)
    page.set("more_warnings", grouped(static_cast<std::int64_t>(warned.size() - limits.lines)));
}

// Commands stand between backticks.
void add_steps(const Report& report, Data& page) {
  Data steps(Data::type::list);
  for (const std::string& step : next_steps(report)) {
    Data parts(Data::type::list);
    bool command = false;
    for (std::size_t from = 0; from <= step.size(); command = !command) {
      const std::size_t to = std::min(step.find('`', from), step.size());
      Data part;
      if (command) part.set("code", step.substr(from, to - from));
      part.set("text", command ? "" : step.substr(from, to - from));
      parts.push_back(part);
      from = to + 1;
    }
    Data line;
    line.set("parts", parts);
    steps.push_back(line);
  }
  page.set("steps", steps);
}

Data tile(const std::string& value, const std::string& what, const std::string& note, const char* tone) {
  Data data;
  data.set("value", value);
  data.set("what", what);
  data.set("note", note);
  data.set("tone", tone);
  return data;
}

void add_tiles(const Report& report, Data& page) {
  Data tiles(Data::type::list);
  const WorkerResult& result = report.result;
  if (result.candidate_accuracy) {
    const bool both = result.incumbent_accuracy.has_value();
    const double change = both ? *result.candidate_accuracy - *result.incumbent_accuracy : 0;
    tiles.push_back(tile(
        percent(*result.candidate_accuracy), "of test images right",
        both ? "was " + percent(*result.incumbent_accuracy) + " (" + points(change) + ")" : "nothing to compare with",
        !both || std::abs(change) < 1e-9 ? ""
        : change > 0                     ? "good"
                                         : "bad"));
  }
  if (result.comparison) {
    const FourCounts& c = result.comparison->overall;
    tiles.push_back(tile(grouped(c.negative_flips), "images broken", "worked before, wrong now",
                         c.negative_flips > 0 ? "bad" : "good"));
    tiles.push_back(
        tile(grouped(c.positive_flips), "images fixed", "wrong before, right now", c.positive_flips > 0 ? "good" : ""));
  }
  if (!result.regions.empty()) {
    std::int64_t harmful = 0, fixed = 0;
    for (const Region& region : result.regions) {
      harmful += region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
      fixed += region.status == RegionStatus::fixed;
    }
    tiles.push_back(tile(
        grouped(harmful), harmful == 1 ? "new or worse bug region" : "new or worse bug regions",
        grouped(fixed) + " fixed, " + plural(static_cast<std::int64_t>(result.regions.size()), "region") + " in all",
        harmful > 0 ? "bad" : "good"));
  }
  add_list(page, "tiles", tiles);
}

std::string evidence(const Report& report) {
  const WorkerResult& result = report.result;
  if (result.test_images == 0) return "";
  std::string text = plural(result.test_images, "test image");
  if (result.seeds > 0 && result.draws > 0 && result.draws < 1'000'000 && result.seeds < 1'000'000'000)
    text += " and up to " + plural(result.seeds * result.draws, "generated image");
  return text;
}

Data page_of(const Report& report, const Waivers& waivers, const Limits& limits) {
  Data page;
  const std::string verdict(to_string(report.verdict.state));
  std::string upper = verdict, headline = verdict_headline(report.verdict.state);
  std::transform(upper.begin(), upper.end(), upper.begin(), [](char c) { return static_cast<char>(c - 32); });
  headline[0] = static_cast<char>(headline[0] + 32);
  page.set("model", clean(report.model, 120));
  page.set("version", clean(report.version, 120));
  page.set("candidate_name", "version " + clean(report.version, 80));
  page.set("incumbent_name", incumbent_name(report));
  page.set("verdict", verdict);
  page.set("verdict_upper", upper);
  page.set("headline", headline);
  page.set("icon", icon(report.verdict.state));
  if (report.result.incumbent) {
    page.set("compared", "Compared with " + incumbent_name(report) + ", in production");
  } else if (has_result(report)) {
    page.set("compared", "No version in production to compare with");
  }
  page.set("moment", moment(report.created));
  if (const std::string words = evidence(report); !words.empty()) page.set("evidence", words);
  page.set("style", std::string(embedded::report_css()));
  page.set("program", DEFUSED_VERSION);
  page.set("has_result", has_result(report));
  add_reasons(report, limits, page);
  add_steps(report, page);
  add_tiles(report, page);
  add_regions(report, limits, page);
  add_flips(report, limits, page);
  add_numbers(report, waivers, limits, page);
  return page;
}

}  // namespace
}  // namespace html

std::string html_report(const Report& report, const Waivers& waivers) {
  kainjow::mustache::mustache page{std::string(embedded::report_template())};
  html::Limits limits;
  for (int round = 0; round < 12; ++round, limits = limits.halved()) {
    std::string text = page.render(html::page_of(report, waivers, limits));
    if (text.size() <= kMaxHtmlBytes) return text;
  }
  // Every text is clipped, so nothing can fill two megabytes without lists; say the verdict even if that is ever wrong.
  return "<!doctype html><meta charset=\"utf-8\"><title>" + std::string(to_string(report.verdict.state)) +
         "</title><p>Verdict: " + std::string(to_string(report.verdict.state)) +
         ". This page would be too large; see report.json.";
}

}  // namespace defuse
