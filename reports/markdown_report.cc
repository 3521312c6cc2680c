#include "reports/markdown_report.h"

#include <algorithm>
#include <cmath>

#include "reports/text.h"

namespace defuse {
namespace {

constexpr std::size_t kShownReasons = 20;
constexpr std::size_t kShownRegions = 40;
constexpr std::size_t kShownFindings = 60;
constexpr std::int32_t kShownClasses = 40;

std::string md(std::string_view text, std::size_t most = 600) { return markdown_escaped(text, most); }

const char* sign(VerdictState state) {
  switch (state) {
    case VerdictState::pass:
      return "✅";
    case VerdictState::fail:
      return "❌";
    case VerdictState::inconclusive:
      return "❓";
    case VerdictState::error:
      break;
  }
  return "⚠️";
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return out;
}

// Lines are appended whole while there is room; what does not fit is said, never silently lost.
class Page {
 public:
  void line(const std::string& text = "") {
    if (full_ || text_.size() + text.size() + 1 > kMaxMarkdown - kReserve) {
      full_ = true;
      return;
    }
    text_ += text;
    text_ += '\n';
  }
  void more(std::size_t total, std::size_t shown, const char* what) {
    if (total > shown)
      line("\n… and " + grouped(static_cast<std::int64_t>(total - shown)) + " more " + what + " in the full report.");
  }
  std::string finish(const Report& report) {
    if (full_) text_ += "\n**Cut here: the report is longer than a comment may be.** ";
    return text_ + "\nFull report: `" + clean(report_address(report), 600) + "`\n";
  }

 private:
  static constexpr std::size_t kReserve = 1'500;  // for the end
  std::string text_;
  bool full_ = false;
};

void head(const Report& report, Page& page) {
  page.line(std::string("## ") + sign(report.verdict.state) + " " + upper(to_string(report.verdict.state)) + ": " +
            md(report.model, 120) + " " + md(report.version, 120));
  page.line();
  page.line("**" + verdict_headline(report.verdict.state) + ".** " + md(report.verdict.reason, 800));
  page.line();
  std::string compared = report.result.incumbent
                             ? "Compared with version " + md(report.result.incumbent->version, 120) + ", in production"
                             : "No version in production to compare with";
  if (report.result.test_images > 0) compared += ", on " + plural(report.result.test_images, "test image");
  page.line(compared + " (" + moment(report.created) + ", digest " + md(short_digest(report.digest)) + ").");
  if (!report.cause.empty()) page.line("\n**Cause:** " + md(report.cause, 800));
}

void reasons(const Report& report, Page& page) {
  const auto list = [&](const char* title, const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    page.line(std::string("\n### ") + title + "\n");
    for (std::size_t i = 0; i < lines.size() && i < kShownReasons; ++i) page.line("- " + md(lines[i]));
    page.more(lines.size(), kShownReasons, "lines");
  };
  list("Why", report.verdict.reasons);
  page.line("\n### What to do next\n");
  for (const std::string& step : next_steps(report)) {
    // Commands stand between backticks; everything else is escaped.
    std::string line;
    bool command = false;
    for (std::size_t from = 0; from <= step.size();) {
      const std::size_t to = std::min(step.find('`', from), step.size());
      const std::string part = step.substr(from, to - from);
      line += command ? "`" + part + "`" : md(part);
      command = !command;
      from = to + 1;
    }
    page.line("- " + line);
  }
  list("Warnings", report.verdict.warnings);
}

void evidence(const Report& report, Page& page) {
  if (!report.test_reuse) return;
  page.line("\n### How worn the test split is\n");
  for (const std::string& line : test_reuse_sentences(*report.test_reuse)) page.line("- " + md(line, 1'000));
}

std::string rate(double error, const Interval& interval) {
  if (!std::isfinite(error)) return "–";
  return percent(error) + " (" + percent(interval.lower) + " to " + percent(interval.upper) + ")";
}

void regions(const Report& report, Page& page) {
  const auto ordered = regions_by_status(report);
  if (ordered.empty()) return;
  page.line("\n### Where it fails\n");
  page.line("| group of images | what it is | this version errs | " + md(incumbent_name(report)) +
            " errs | seeds | id |");
  page.line("|---|---|---|---|---:|---|");
  for (std::size_t i = 0; i < ordered.size() && i < kShownRegions; ++i) {
    const Region& r = *ordered[i];
    const std::string said = person_label(report, r.id);
    page.line("| " + md(region_title(report, r)) + " | **" + status_word(r.status) + "**" +
              (said.empty() ? "" : " (" + md(said) + ")") + " | " +
              rate(r.confirm.candidate_error, r.confirm.candidate_interval) + " | " +
              (report.result.incumbent ? rate(r.confirm.incumbent_error, r.confirm.incumbent_interval) : "–") + " | " +
              grouped(r.confirm.seeds) + " | " + md(r.id, 60) + " |");
  }
  page.more(ordered.size(), kShownRegions, "regions");
}

void checks(const Report& report, Page& page) {
  if (report.verdict.checks.empty()) return;
  page.line("\n### Checks\n");
  page.line("| check | result | counts | in words |");
  page.line("|---|---|---|---|");
  for (const CheckOutcome& c : report.verdict.checks)
    page.line("| " + md(check_title(c.check)) + " | " + sign(c.state) + " " + std::string(to_string(c.state)) + " | " +
              mode_meaning(c.mode) + " | " + md(c.reason) + " |");
}

void findings(const Report& report, const Waivers& waivers, Page& page) {
  std::vector<const Finding*> told;
  for (const Finding& f : report.verdict.findings)
    if (f.decision != Decision::note) told.push_back(&f);
  if (told.empty()) return;
  // Violations first: a comment that is cut must not lose them.
  const auto rank = [](const Finding* f) {
    return f->decision == Decision::violation ? 0 : f->decision == Decision::ok ? 2 : 1;
  };
  std::stable_sort(told.begin(), told.end(), [&](const Finding* a, const Finding* b) { return rank(a) < rank(b); });
  page.line("\n### Numbers\n");
  page.line("| finding | decision | value | limit | interval | n | p (adjusted) |");
  page.line("|---|---|---:|---:|---|---:|---|");
  for (std::size_t i = 0; i < told.size() && i < kShownFindings; ++i) {
    const Finding& f = *told[i];
    page.line("| " + md(f.id, 200) + " | " + decision_word(f.decision) +
              (f.waiver.empty() ? "" : ", " + md(waiver_words(f, waivers))) + " | " + finding_value(f, f.value) +
              " | " + finding_value(f, f.limit) + " | " + finding_interval(f) + " | " + grouped(f.n) + " | " +
              probability(f.p) + " (" + probability(f.p_adjusted) + ") |");
  }
  page.more(told.size(), kShownFindings, "findings");
}

void comparison(const Report& report, Page& page) {
  if (report.result.candidate_accuracy && report.result.incumbent_accuracy)
    page.line("\nAccuracy: " + percent(*report.result.candidate_accuracy) + " (was " +
              percent(*report.result.incumbent_accuracy) + ", " +
              points(*report.result.candidate_accuracy - *report.result.incumbent_accuracy) + ").");
  if (!report.result.comparison) return;
  const Comparison& c = *report.result.comparison;
  page.line("It breaks **" + plural(c.overall.negative_flips, "image") + "** that worked and fixes **" +
            grouped(c.overall.positive_flips) + "**.\n");
  page.line("| class | images | right before | right now | broke | fixed |");
  page.line("|---|---:|---:|---:|---:|---:|");
  const auto n = static_cast<std::int32_t>(std::min<std::size_t>(c.per_class.size(), 1'000'000));
  for (std::int32_t k = 0; k < n && k < kShownClasses; ++k) {
    const FourCounts& f = c.per_class[static_cast<std::size_t>(k)];
    page.line("| " + md(class_name(report, k)) + " | " + grouped(f.total()) + " | " +
              grouped(f.both_right + f.negative_flips) + " | " + grouped(f.both_right + f.positive_flips) + " | " +
              grouped(f.negative_flips) + " | " + grouped(f.positive_flips) + " |");
  }
  page.more(c.per_class.size(), static_cast<std::size_t>(kShownClasses), "classes");
}

}  // namespace

std::string markdown_report(const Report& report, const Waivers& waivers) {
  Page page;
  head(report, page);
  reasons(report, page);
  regions(report, page);
  checks(report, page);
  comparison(report, page);
  evidence(report, page);
  const auto floor = noise_floor_lines(report);
  if (!floor.empty()) page.line("\n### Noise floor\n");
  for (const std::string& words : floor) page.line("- " + md(words));
  findings(report, waivers, page);
  return page.finish(report);
}

}  // namespace defuse
