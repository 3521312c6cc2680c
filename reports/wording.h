// What every rendering says in the same words: names of classes and states, what a check asks, and what to do next.
// Text comes back cleaned but not escaped: each format escapes for itself. Pure functions; thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/verdict/report.h"

namespace defuse {

using Waivers = std::vector<Waiver>;

bool has_result(const Report& report);  // false if the worker never gave one
std::string class_name(const Report& report,
                       std::int32_t index);          // "7"; "class 12" if it has no name; "no answer" for -1
std::string incumbent_name(const Report& report);    // "version 6", or "the version in production"
std::string verdict_headline(VerdictState state);    // "Must not be promoted"
std::string verdict_meaning(VerdictState state);     // one sentence on what that state means
std::string check_title(std::string_view check);     // "Negative flips"
std::string check_question(std::string_view check);  // what it asks, in plain words; empty for an unknown check
std::string mode_meaning(CheckMode mode);            // "blocks", "warns only", "shown only"
std::string decision_word(Decision decision);        // "over the limit"
std::string status_word(RegionStatus status);        // "new bug"
std::string status_meaning(RegionStatus status);
std::string evidence_words(const Region& region);                        // "seen on real and on generated images"
std::string region_title(const Report& report, const Region& region);    // "“7” read as “1”"
std::string person_label(const Report& report, const RegionId& region);  // what people say of it; empty if nothing
std::string finding_value(const Finding& finding,
                          double value);                    // percent for rates, plain for what the contract measures
std::string finding_interval(const Finding& finding);       // "0.4 % to 0.9 %", or "–"
std::vector<std::string> next_steps(const Report& report);  // sentences; `commands` between backticks
std::vector<std::string> noise_floor_lines(const Report& report);  // sentences; none without a floor

// "waived until 2026-03-31 by release-owner (VIS-341): reason"; without the waiver itself, "waived by w-1".
std::string waiver_words(const Finding& finding, const Waivers& waivers);

const CheckOutcome* outcome_of(const Report& report, std::string_view check);  // null if the check gave none
std::string report_address(const Report& report);                              // path of the report on the daemon

// Regions worth looking at first: new, worse, then the rest; the order within each is the result's.
std::vector<const Region*> regions_by_status(const Report& report);

}  // namespace defuse
