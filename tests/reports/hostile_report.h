// A report whose every text tries to break out of the format it is written in.
#pragma once
#include <string>

#include "tests/reports/sample_report.h"

namespace defuse::samples {

inline const std::string kHostile =
    "\"'><script>alert(1)</script>&{{verdict}}{{{style}}}|`]](http://evil.example)@everyone #1 "
    "[[ATTACHMENT|/etc/passwd]]"
    "\x01\x1b[31m\n\r\t\xff\xc0\xaf\xed\xa0\x80\xe2\x80\xae end";

inline Report hostile_report() {
  Report r = report();
  r.model = ModelName(kHostile);
  r.version = Version(kHostile);
  r.cause = kHostile;
  r.verdict.reason = kHostile;
  for (auto* list : {&r.verdict.reasons, &r.verdict.warnings})
    for (std::string& text : *list) text = kHostile;
  for (CheckOutcome& c : r.verdict.checks) c.check = c.reason = kHostile;
  for (Finding& f : r.verdict.findings) f.id = f.check = f.subject = f.sentence = f.waiver = kHostile;
  for (CheckResult& c : r.result.checks) c.check = c.reason = c.detectable = kHostile;
  for (Region& g : r.result.regions) {
    g.id = RegionId(kHostile);
    g.sentence = kHostile;
    for (RegionSample& s : g.samples) s.picture = "../../etc/passwd";
  }
  for (std::string& name : r.result.classes) name = kHostile;
  for (StationTime& s : r.result.stations) s.station = kHostile;
  r.result.machine = kHostile;
  r.result.candidate.version = r.result.incumbent->version = Version(kHostile);
  r.digest = Digest(kHostile);
  r.result.generator->usable = false;
  r.result.generator->problem = kHostile;
  r.region_labels = {{RegionId(kHostile), RegionLabel::Word::confirmed}};
  return r;
}

}  // namespace defuse::samples
