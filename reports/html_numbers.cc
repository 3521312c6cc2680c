// The tables of the HTML page.
#include <algorithm>
#include <cmath>

#include "reports/html_parts.h"
#include "reports/text.h"

namespace defuse::html {
namespace {

std::string width_of(std::int64_t value, std::int64_t most) {
  return std::to_string(most <= 0 ? 0 : std::clamp<std::int64_t>(value * 100 / most, value > 0 ? 2 : 0, 100));
}

double share(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? kNone : static_cast<double>(part) / static_cast<double>(whole);
}

void add_checks(const Report& report, Data& page) {
  Data list(Data::type::list);
  for (const CheckOutcome& outcome : report.verdict.checks) {
    Data check;
    check.set("title", check_title(outcome.check));
    check.set("question", check_question(outcome.check));
    check.set("state", std::string(to_string(outcome.state)));
    check.set("mode", mode_meaning(outcome.mode));
    check.set("reason", clean(outcome.reason));
    for (const CheckResult& result : report.result.checks)
      if (result.check == outcome.check && result.more_images > 0 && outcome.state == VerdictState::inconclusive)
        check.set("more_images", plural(result.more_images, "more test image"));
    list.push_back(check);
  }
  page.set("checks", list);
}

int rank(const Finding* finding) {
  switch (finding->decision) {
    case Decision::violation:
      return finding->waiver.empty() ? 0 : 3;
    case Decision::error:
      return 1;
    case Decision::undecided:
      return 2;
    case Decision::ok:
      return 4;
    case Decision::note:
      break;
  }
  return 5;
}

Data finding_row(const Finding& finding, const Waivers& waivers) {
  Data row;
  row.set("sentence", clean(finding.sentence.empty() ? finding.subject : finding.sentence));
  row.set("id", clean(finding.id, 200));
  row.set("decision", decision_word(finding.decision));
  row.set("tone", std::string(to_string(finding.decision)));
  if (!finding.waiver.empty()) row.set("waiver", waiver_words(finding, waivers));
  row.set("value", finding_value(finding, finding.value));
  row.set("before", finding_value(finding, finding.incumbent_value));
  row.set("limit", finding_value(finding, finding.limit));
  row.set("interval", finding_interval(finding));
  row.set("n", finding.n > 0 ? grouped(finding.n) : "–");
  row.set("p", probability(finding.p));
  row.set("p_adjusted", probability(finding.p_adjusted));
  return row;
}

void add_findings(const Report& report, const Waivers& waivers, const Limits& limits, Data& page) {
  std::vector<const Finding*> ordered;
  for (const Finding& finding : report.verdict.findings) ordered.push_back(&finding);
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Finding* a, const Finding* b) { return rank(a) < rank(b); });
  Data list(Data::type::list);
  const std::size_t shown = std::min(ordered.size(), limits.findings);
  for (std::size_t i = 0; i < shown; ++i) list.push_back(finding_row(*ordered[i], waivers));
  add_list(page, "findings", list);
  if (ordered.size() > shown) page.set("more_findings", grouped(static_cast<std::int64_t>(ordered.size() - shown)));
}

void add_classes(const Report& report, const Limits& limits, Data& page) {
  Data list(Data::type::list);
  page.set("has_classes", false);
  if (!report.result.comparison) return;
  const auto& counts = report.result.comparison->per_class;
  std::vector<std::size_t> order(counts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  // Few classes stay in their own order, which people know; of many, those that lost most come first.
  if (order.size() > limits.classes)
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return counts[a].negative_flips - counts[a].positive_flips > counts[b].negative_flips - counts[b].positive_flips;
    });
  std::int64_t most = 0;
  for (const FourCounts& c : counts) most = std::max({most, c.negative_flips, c.positive_flips});
  const std::size_t shown = std::min(order.size(), limits.classes);
  for (std::size_t i = 0; i < shown; ++i) {
    const FourCounts& c = counts[order[i]];
    const double before = share(c.both_right + c.negative_flips, c.total()),
                 now = share(c.both_right + c.positive_flips, c.total());
    Data row;
    row.set("name", class_name(report, static_cast<std::int32_t>(order[i])));
    row.set("images", grouped(c.total()));
    row.set("before", percent(before));
    row.set("now", percent(now));
    row.set("change", points(now - before));
    row.set("broke", grouped(c.negative_flips));
    row.set("fixed", grouped(c.positive_flips));
    row.set("broke_width", width_of(c.negative_flips, most));
    row.set("fixed_width", width_of(c.positive_flips, most));
    list.push_back(row);
  }
  add_list(page, "classes", list);
  if (counts.size() > shown) page.set("more_classes", grouped(static_cast<std::int64_t>(counts.size() - shown)));
}

Data generator_row(const char* what, double candidate, double reference, const char* tells) {
  Data row;
  row.set("what", what);
  row.set("candidate", percent(candidate));
  row.set("reference", percent(reference));
  row.set("tells", tells);
  return row;
}

void add_generator(const Report& report, Data& page) {
  if (!report.result.generator) return;
  const GeneratorHealth& health = *report.result.generator;
  Data data, rows(Data::type::list);
  data.set(
      "words",
      health.usable
          ? "A generative model varies real images, to look for failures that no test set holds. It was judged good "
            "enough for that:"
          : "Generated images were not used as evidence: " + clean(health.problem) + " The numbers behind that:");
  // The generator's health was measured on the version in production, where there is one.
  data.set("reference", report.result.incumbent ? incumbent_name(report) : "version " + clean(report.version, 80));
  rows.push_back(
      generator_row("Real images", report.result.error_real, 1 - health.accuracy_real, "The starting point."));
  rows.push_back(generator_row(
      "The same images, rebuilt by the generator", report.result.error_reconstructed, 1 - health.accuracy_reconstructed,
      "Far above the first row, the generator loses what the model needs, and its pictures prove little."));
  rows.push_back(generator_row("Rebuilt with small variations", report.result.error_perturbed,
                               1 - health.accuracy_perturbed,
                               "What exceeds the second row is how fragile the model is to small changes."));
  data.set("rows", rows);
  data.set("quality", "Rebuilding an image changes a pixel by " + percent(health.reconstruction_error) +
                          " on average (root mean square); " + std::to_string(health.active_dimensions) + " of " +
                          std::to_string(health.latent) + " latent dimensions are in use.");
  page.set("generator", data);
}

void add_certainty(const Report& report, Data& page) {
  page.set("alpha", "Two equally good versions would be told apart as a regression in at most " +
                        percent(report.test_reuse ? report.test_reuse->level : report.alpha) +
                        " of such gates, all blocking checks together.");
  Data worn(Data::type::list);
  if (report.test_reuse)
    for (const std::string& line : test_reuse_sentences(*report.test_reuse)) worn.push_back(clean(line, 1'000));
  add_list(page, "wear", worn);
  Data list(Data::type::list);
  for (const CheckResult& check : report.result.checks) {
    if (check.detectable.empty()) continue;
    Data line;
    line.set("check", check_title(check.check));
    line.set("text", clean(check.detectable));
    list.push_back(line);
  }
  add_list(page, "detectable", list);
}

void add_provenance(const Report& report, Data& page) {
  const WorkerResult& result = report.result;
  Data facts(Data::type::list);
  facts.push_back(fact("Candidate", clean(report.model, 200) + " " + clean(report.version, 200) + ", SHA-256 " +
                                        clean(report.digest, 80)));
  if (result.incumbent)
    facts.push_back(fact("In production",
                         clean(result.incumbent->version, 200) + ", SHA-256 " + clean(result.incumbent->digest, 80)));
  facts.push_back(fact(
      "Artifact", bytes(result.contract.size_bytes) + ", " + number(result.contract.latency_ms) + " ms for one image"));
  facts.push_back(fact("Test images", grouped(result.test_images) + ", digest " + short_digest(result.test_digest)));
  facts.push_back(fact("Generated images", result.probe_digest.empty()
                                               ? "none"
                                               : plural(result.seeds, "seed image") + ", " +
                                                     plural(result.draws, "variation") + " of each, digest " +
                                                     short_digest(result.probe_digest)));
  facts.push_back(fact("Machine", clean(result.machine)));
  facts.push_back(fact("Job", std::to_string(result.job) + ", " + moment(report.created)));
  page.set("facts", facts);

  Data stations(Data::type::list);
  for (std::size_t i = 0; i < result.stations.size() && i < 100; ++i) {
    const StationTime& station = result.stations[i];
    Data row;
    row.set("name", clean(station.station, 80));
    row.set("time", duration(station.seconds));
    row.set("memory", bytes(station.peak_memory));
    row.set("cached", station.cached ? "yes" : "no");
    stations.push_back(row);
  }
  add_list(page, "stations", stations);
  page.set("seconds", duration(report.seconds));
}

}  // namespace

void add_numbers(const Report& report, const Waivers& waivers, const Limits& limits, Data& page) {
  add_checks(report, page);
  add_findings(report, waivers, limits, page);
  add_classes(report, limits, page);
  Data floor(Data::type::list);
  for (const std::string& words : noise_floor_lines(report)) {
    Data line;
    line.set("line", words);
    floor.push_back(line);
  }
  add_list(page, "noise_floor", floor);
  add_generator(report, page);
  add_certainty(report, page);
  add_provenance(report, page);
}

}  // namespace defuse::html
