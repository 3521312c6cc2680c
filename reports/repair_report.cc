#include "reports/repair_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "reports/text.h"

namespace defuse {
namespace {

std::string flip_rate(const FourCounts& flips) {
  if (flips.total() == 0) return "–";
  return percent(static_cast<double>(flips.negative_flips) / static_cast<double>(flips.total()));
}

std::string row(const std::string& name, const std::string& lambda, const RepairScore& score, const std::string& flips,
                const std::string& incumbent_flips) {
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} |\n", name, lambda, percent(score.regions),
                     percent(score.test), percent(score.validation_regions), flips, incumbent_flips);
}

std::string name_of(const RepairRun& run) {
  return run.kind == RunKind::sweep ? "regions" : markdown_escaped(run.name);
}

// --- the picture ---

struct Panel {
  double top = 0;
  double low = 0, high = 1;  // of the values shown
};

constexpr double kWidth = 640, kLeft = 64, kRight = 616, kHigh = 150;

struct Scale {
  double first = 0, last = 1;  // log10 of lambda
  double x(double lambda) const {
    const double share = last > first ? (std::log10(lambda) - first) / (last - first) : 0.5;
    return kLeft + share * (kRight - kLeft);
  }
};

double y(const Panel& panel, double value) {
  const double share = panel.high > panel.low ? (value - panel.low) / (panel.high - panel.low) : 0.5;
  return panel.top + kHigh * (1 - std::clamp(share, 0.0, 1.0));
}

// The values with a little room; never a range of nothing.
Panel panel_for(double top, const std::vector<double>& values) {
  Panel panel{top, 1, 0};
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    panel.low = std::min(panel.low, v);
    panel.high = std::max(panel.high, v);
  }
  if (panel.high < panel.low) return {top, 0, 1};
  const double room = std::max(0.08 * (panel.high - panel.low), 5e-4);
  return {top, std::max(0.0, panel.low - room), std::min(1.0, panel.high + room)};
}

using Value = std::function<double(const RepairScore&)>;

std::string draw_panel(const RepairResult& result, const std::string& title, double top, const Scale& scale,
                       const Value& value) {
  std::vector<double> values{value(result.before)};
  for (const RepairRun& run : result.runs)
    if (run.problem.empty()) values.push_back(value(run.score));
  const Panel panel = panel_for(top, values);
  std::string out = fmt::format("<text x=\"{}\" y=\"{}\" class=\"t\">{}</text>\n", kLeft, top - 10, xml_escaped(title));
  for (const double at : {panel.low, (panel.low + panel.high) / 2, panel.high})
    out += fmt::format(
        "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" class=\"g\"/>"
        "<text x=\"{3}\" y=\"{4:.1f}\" class=\"a\" text-anchor=\"end\">{5:.2f} %</text>\n",
        kLeft, kRight, y(panel, at), kLeft - 6, y(panel, at) + 4, 100 * at);
  const double before = value(result.before);
  if (std::isfinite(before))
    out += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" class=\"b\"/>\n", kLeft, kRight,
                       y(panel, before), y(panel, before));
  std::string line, marks;
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const RepairRun& run = result.runs[i];
    const double at = value(run.score);
    if (!run.problem.empty() || !std::isfinite(at)) continue;
    const bool sweep = run.kind == RunKind::sweep;
    const double x = run.lambda > 0 ? scale.x(run.lambda) : kLeft;
    if (sweep) line += fmt::format("{}{:.1f},{:.1f}", line.empty() ? "" : " ", x, y(panel, at));
    const char* kind = result.chosen == i ? "c" : sweep ? "s" : run.kind == RunKind::baseline ? "n" : "d";
    marks += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"{}\"><title>{}{}: {:.2f} %</title></circle>\n", x,
        y(panel, at), result.chosen == i ? 6 : 4, kind, xml_escaped(sweep ? "regions" : run.name),
        fmt::format(", lambda {:.3g}", run.lambda), 100 * at);
  }
  return out + "<polyline points=\"" + line + "\" class=\"l\"/>\n" + marks;
}

}  // namespace

std::string repair_markdown(const RepairTitle& title, const RepairResult& result) {
  std::string out =
      fmt::format("# Correction of {} {}\n\n", markdown_escaped(title.model), markdown_escaped(title.version));
  out += (result.chosen ? "Chosen: " : "Nothing was chosen: ") + markdown_escaped(result.reason) + ".\n\n";
  out += fmt::format(
      "Tuned on {} of the training split and {} of the regions; chosen on {} and {}; judged on the untouched test "
      "split "
      "and on {} of test images' regions.\n\n",
      plural(result.tuning_images, "image"), plural(result.tuning_samples, "image"),
      plural(result.validation_images, "image"), plural(result.validation_samples, "image"),
      plural(result.held_out_samples, "image"));
  for (const auto& note : result.notes) out += "- " + markdown_escaped(note) + "\n";
  if (!result.notes.empty()) out += "\n";
  out +=
      "| tuned on | λ | regions, held out | test split | regions, validation | negative flips against the version "
      "before | "
      "against the incumbent |\n|---|---|---|---|---|---|---|\n";
  const auto flips = [](const std::optional<FourCounts>& counts) { return counts ? flip_rate(*counts) : "–"; };
  out += row("(before)", "", result.before, "", flips(result.incumbent_flips));
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const RepairRun& run = result.runs[i];
    const std::string name = result.chosen == i ? "**" + name_of(run) + " (chosen)**" : name_of(run);
    if (run.problem.empty())
      out += row(name, fmt::format("{:.3g}", run.lambda), run.score, flip_rate(run.flips), flips(run.incumbent_flips));
    else
      out += fmt::format("| {} | {:.3g} | {} | | | | |\n", name, run.lambda, markdown_escaped(run.problem));
  }
  if (!result.chosen) return out;
  const RepairRun& chosen = result.runs[*result.chosen];
  out += "\n| region | test seeds | images | right before | right after |\n|---|---|---|---|---|\n";
  for (std::size_t r = 0; r < chosen.score.by_region.size() && r < result.before.by_region.size(); ++r) {
    const RegionRate& after = chosen.score.by_region[r];
    out += fmt::format("| {} | {} | {} | {} | {} |\n", markdown_escaped(after.id), after.seeds, after.images,
                       percent(result.before.by_region[r].right), percent(after.right));
  }
  return out;
}

std::string repair_svg(const RepairTitle& title, const RepairResult& result) {
  Scale scale{1e300, -1e300};
  for (const RepairRun& run : result.runs) {
    if (!(run.lambda > 0)) continue;
    scale.first = std::min(scale.first, std::log10(run.lambda));
    scale.last = std::max(scale.last, std::log10(run.lambda));
  }
  if (scale.last < scale.first) scale = {0, 1};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} 470\" role=\"img\">\n<title>{}</title>\n"
      "<style>svg{{background:#fff;color-scheme:light dark;font:13px system-ui,sans-serif}}"
      ".t{{font-weight:600;fill:#1b1f24}}.a{{fill:#57606a}}.g{{stroke:#d5dae0}}"
      ".b{{stroke:#57606a;stroke-dasharray:5 4}}.l{{fill:none;stroke:#0a58ca;stroke-width:1.5}}.s{{fill:#0a58ca}}"
      ".c{{fill:#18794e}}.n{{fill:#b42318}}.d{{fill:#8a5a00}}"
      "@media (prefers-color-scheme:dark){{svg{{background:#12161b}}.t{{fill:#e6e9ed}}.a{{fill:#9aa5b1}}"
      ".g{{stroke:#333b45}}.l{{stroke:#7db4ff}}.s{{fill:#7db4ff}}.c{{fill:#52c48f}}.n{{fill:#ff8a80}}.d{{fill:#e6b450}}"
      "}}</style>\n",
      kWidth, xml_escaped("Correction of " + title.model + " " + title.version + " over lambda"));
  out += draw_panel(result, "Right on the regions' images of the test split", 34, scale,
                    [](const RepairScore& score) { return score.regions; });
  out += draw_panel(result, "Right on the test split", 230, scale, [](const RepairScore& score) { return score.test; });
  for (const RepairRun& run : result.runs)
    if (run.kind == RunKind::sweep)
      out += fmt::format("<text x=\"{:.1f}\" y=\"400\" class=\"a\" text-anchor=\"middle\">{:.2g}</text>\n",
                         scale.x(run.lambda), run.lambda);
  out +=
      fmt::format("<text x=\"{}\" y=\"420\" class=\"a\" text-anchor=\"middle\">lambda</text>\n", (kLeft + kRight) / 2);
  double x = kLeft;
  for (const auto& [kind, words] :
       {std::pair{"c", "chosen"}, {"s", "regions"}, {"n", "baseline"}, {"d", "distillation"}}) {
    out += fmt::format(
        "<circle cx=\"{}\" cy=\"446\" r=\"4\" class=\"{}\"/><text x=\"{}\" y=\"450\" class=\"a\">{}</text>\n", x, kind,
        x + 9, words);
    x += 100;
  }
  out += fmt::format(
      "<line x1=\"{0}\" x2=\"{1}\" y1=\"446\" y2=\"446\" class=\"b\"/><text x=\"{2}\" y=\"450\" class=\"a\">version "
      "before</text>\n",
      x, x + 20, x + 26);
  return out + "</svg>\n";
}

}  // namespace defuse
