// Regions and broken images as grids of pictures.
#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/base64.h"
#include "reports/html_parts.h"
#include "reports/pictures.h"
#include "reports/text.h"

namespace defuse::html {
namespace {

constexpr std::uint32_t kSmallPicture = 96;  // wider ones are photographs, which enlarge better smoothly

// Pictures inside the page, until their bytes are used up.
class Album {
 public:
  Album(const Report& report, std::size_t budget) : report_(report), left_(budget) {}

  // False if there is no picture or no room for it.
  bool add(const RegionSample& sample, std::int32_t truth, Data& list) {
    const std::string bytes = read_picture(report_.pictures, sample.picture);
    const std::size_t size = bytes.size() * 4 / 3 + 400;
    if (bytes.empty() || size > left_) return false;
    left_ -= size;
    const bool right = sample.candidate_predicted == truth;
    const std::string now = class_name(report_, sample.candidate_predicted);
    const std::string was = report_.result.incumbent ? class_name(report_, sample.incumbent_predicted) : "";
    Data picture;
    picture.set("uri", "data:image/png;base64," + base64(bytes));
    picture.set("tone", right ? "right" : "wrong");
    picture.set("made", sample.kind == ImageKind::generated ? " made" : "");
    picture.set("fine", png_width(bytes) > kSmallPicture ? "fine" : "");
    picture.set("now", now);
    if (!was.empty()) picture.set("was", was);
    picture.set("alt", (sample.kind == ImageKind::generated ? "Generated picture of " : "Picture of ") +
                           class_name(report_, truth) + ", read as " + now +
                           (was.empty() ? "" : "; " + incumbent_name(report_) + " reads it as " + was));
    list.push_back(picture);
    return true;
  }

 private:
  const Report& report_;
  std::size_t left_;
};

std::string css_number(double fraction) {
  const double percent = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) * 100 : 0;
  return std::to_string(static_cast<int>(std::lround(percent * 10)) / 10) + "." +
         std::to_string(static_cast<int>(std::lround(percent * 10)) % 10);
}

Data bar(const std::string& who, double error, const Interval& interval, const char* tone) {
  const std::string range = percent(interval.lower) + " to " + percent(interval.upper);
  Data data;
  data.set("who", who);
  data.set("tone", tone);
  data.set("rate", "errs on " + percent(error));
  data.set("range", "(" + range + ")");
  data.set("spoken", who + " errs on " + percent(error) + " of such images; 95 percent interval " + range);
  data.set("width", css_number(error));
  data.set("left", css_number(interval.lower));
  data.set("span", css_number(interval.upper - interval.lower));
  return data;
}

Data bars(const Report& report, const Region& region) {
  Data list(Data::type::list);
  const RegionScore& score = region.confirm;
  const bool good = region.status == RegionStatus::fixed;
  list.push_back(bar("version " + clean(report.version, 40) + ", new", score.candidate_error, score.candidate_interval,
                     good ? "good" : "bad"));
  if (report.result.incumbent)
    list.push_back(bar(clean(incumbent_name(report), 60) + ", in production", score.incumbent_error,
                       score.incumbent_interval, ""));
  return list;
}

std::string counts_words(const FourCounts& counts) {
  if (counts.total() == 0) return "none";
  return grouped(counts.total()) + ": " + grouped(counts.both_right) + " right in both, " +
         grouped(counts.negative_flips) + " broken, " + grouped(counts.positive_flips) + " fixed, " +
         grouped(counts.both_wrong) + " wrong in both";
}

Data facts(const Region& region) {
  Data list(Data::type::list);
  list.push_back(fact("Region", clean(region.id, 80)));
  list.push_back(fact("Evidence", evidence_words(region)));
  list.push_back(fact("Found on", plural(region.discover.seeds, "seed image") +
                                      " of the one half, where this version errs on " +
                                      percent(region.discover.candidate_error)));
  list.push_back(fact("Measured on", plural(region.confirm.seeds, "seed image") + " of the other half"));
  list.push_back(fact("Broken more than fixed", percent(region.confirm.net_flip_rate) + " of seeds; at least " +
                                                    percent(region.confirm.net_lower) + " with the gate's confidence"));
  list.push_back(fact("p", probability(region.confirm.p_raw) + "; adjusted " + probability(region.confirm.p_adjusted)));
  list.push_back(fact("Real images", counts_words(region.confirm.real)));
  list.push_back(fact("Generated images", counts_words(region.confirm.generated)));
  list.push_back(fact("Where", "within " + number(region.radius) + " of its centre in the space “" +
                                   std::string(to_string(region.space)) + "”"));
  return list;
}

Data card(const Report& report, const Region& region, const Limits& limits, Album& album) {
  Data data;
  data.set("id", clean(region.id, 80));
  data.set("status", std::string(to_string(region.status)));
  data.set("title", region_title(report, region));
  std::string share = evidence_words(region);
  if (region.status != RegionStatus::fixed && region.predicted_as >= 0 && region.predicted_as_share > 0)
    share +=
        (share.empty() ? "" : "; ") + percent(region.predicted_as_share) + " of its wrong answers there are this one";
  if (!share.empty()) data.set("share", share);
  data.set("sentence", clean(region.sentence));
  if (const std::string said = person_label(report, region.id); !said.empty()) data.set("person", said);
  data.set("bars", bars(report, region));
  Data pictures(Data::type::list);
  std::size_t shown = 0;
  for (const RegionSample& sample : region.samples)
    if (shown < limits.pictures && album.add(sample, region.label, pictures)) ++shown;
  add_list(data, "pictures", pictures);
  add_more(data, "more_pictures", region.samples.size() - shown, "picture");
  data.set("facts", facts(region));
  return data;
}

Data row(const Report& report, const Region& region) {
  Data data;
  data.set("id", clean(region.id, 80));
  data.set("title", region_title(report, region));
  data.set("candidate", percent(region.confirm.candidate_error));
  data.set("incumbent", report.result.incumbent ? percent(region.confirm.incumbent_error) : "–");
  data.set("seeds", grouped(region.confirm.seeds));
  return data;
}

std::string regions_lead(const Report& report) {
  if (!report.result.regions.empty())
    return "Each group below is one kind of image on which a version goes wrong far more often than elsewhere. The "
           "groups were found "
           "automatically on one half of the images and measured on the other half.";
  const auto& generator = report.result.generator;
  for (const CheckResult& check : report.result.checks)
    if (check.check == "misclassification_regions")
      return check.state == VerdictState::pass
                 ? "No kind of image was found on which this version fails markedly more often than elsewhere."
                 : "No region is shown. " + clean(check.reason);
  if (generator && !generator->usable) return "No region is shown: " + clean(generator->problem);
  return "The search for regions was not part of this gate.";
}

}  // namespace

void add_regions(const Report& report, const Limits& limits, Data& page) {
  page.set("regions_lead", regions_lead(report));
  page.set("has_regions", !report.result.regions.empty());
  Album album(report, limits.region_bytes);
  Data groups(Data::type::list);
  std::size_t cards_left = limits.cards, rows_left = limits.rows;
  const auto ordered = regions_by_status(report);
  for (std::size_t i = 0; i < ordered.size();) {
    const RegionStatus status = ordered[i]->status;
    Data cards(Data::type::list), rows(Data::type::list);
    std::size_t count = 0, left_out = 0;
    for (; i < ordered.size() && ordered[i]->status == status; ++i, ++count) {
      if (cards_left > 0) {
        cards.push_back(card(report, *ordered[i], limits, album));
        --cards_left;
      } else if (rows_left > 0) {
        rows.push_back(row(report, *ordered[i]));
        --rows_left;
      } else {
        ++left_out;
      }
    }
    Data group;
    group.set("status", std::string(to_string(status)));
    group.set("word", status_word(status));
    group.set("meaning", status_meaning(status));
    group.set("count", plural(static_cast<std::int64_t>(count), "region"));
    group.set("cards", cards);
    add_list(group, "rows", rows);
    add_more(group, "more_rows", left_out, "region");
    groups.push_back(group);
  }
  page.set("groups", groups);
}

void add_flips(const Report& report, const Limits& limits, Data& page) {
  Album album(report, limits.flip_bytes);
  Data flips(Data::type::list);
  std::size_t shown = 0;
  for (const RegionSample& flip :
       report.result.flips)  // the version in production was right, so its answer is the truth
    if (shown < limits.flips && album.add(flip, flip.incumbent_predicted, flips)) ++shown;
  add_list(page, "flips", flips);
  const auto& comparison = report.result.comparison;
  if (!comparison) {
    page.set("flips_lead", report.result.incumbent
                               ? "The two versions could not be compared image by image."
                               : "There is no version in production yet, so nothing can have broken.");
    return;
  }
  const FourCounts& all = comparison->overall;
  page.set("flips_lead",
           all.negative_flips == 0
               ? "None: every test image that " + incumbent_name(report) + " reads correctly is still read correctly."
               : "Test images that " + incumbent_name(report) + " reads correctly and this version does not: " +
                     grouped(all.negative_flips) + " of " + grouped(all.total()) + ". It also fixes " +
                     grouped(all.positive_flips) + " that were wrong before.");
  const auto total = static_cast<std::size_t>(std::max<std::int64_t>(all.negative_flips, 0));
  add_more(page, "more_flips", total > shown ? total - shown : 0, "picture");
}

}  // namespace defuse::html
