// Tables as comma-separated values, as spreadsheets and labelling services read and write them (RFC 4180). Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace defuse::ctl {

using CsvRow = std::vector<std::string>;

// With its line end. A value that a spreadsheet would take for a formula gets an apostrophe before it.
std::string csv_line(const CsvRow& row);

// Quoted values may hold commas, quotes (doubled) and line ends. Empty lines are passed over; a byte order mark too.
// `invalid_input` for a quote that never ends, or text after one; names the line.
Result<std::vector<CsvRow>> parse_csv(std::string_view text);

}  // namespace defuse::ctl
