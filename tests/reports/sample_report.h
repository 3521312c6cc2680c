// A made-up but realistic gate for tests of JSON forms and of reports: version 7 of a digit classifier is more accurate
// than version 6 and yet breaks a group of sevens. Every field is filled with something that would be noticed if it
// were lost.
#pragma once
#include <cstddef>
#include <filesystem>

#include "core/verdict/report.h"

namespace defuse::samples {

TimePoint noon();                   // 2026-03-01T12:00:00Z
Region region(std::size_t number);  // 0 is a confirmed new bug; 1 worse, 2 inherited, 3 fixed, 4 suspected, …
WorkerResult worker_result();
Verdict verdict();  // fail, for the result above
Waiver waiver();
Report report();  // of all the above
Report passing_report();
Report inconclusive_report();  // the line has no incumbent yet
Report error_report();         // the worker was killed: no result at all
Report huge_report(std::size_t regions, std::size_t findings);

// The smallest PNG there is, for tests that only ask whether a picture arrives.
std::string tiny_png();
// Writes one for every picture that the report names, and points the report at the folder.
void draw_pictures(Report& report, const std::filesystem::path& folder);

}  // namespace defuse::samples
