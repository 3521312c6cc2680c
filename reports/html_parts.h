// The parts of the HTML page as values for its template (templates/report.mustache). Only html_report.cc uses them.
// Limits shrink until the page fits its budget; whatever is left out is counted in a sentence on the page.
#pragma once
#include <cstddef>
#include <kainjow/mustache.hpp>
#include <set>
#include <string>

#include "reports/wording.h"

namespace defuse::html {

using Data = kainjow::mustache::data;

struct Limits {
  std::size_t cards = 40;     // regions with pictures
  std::size_t rows = 200;     // further regions, as table rows
  std::size_t pictures = 16;  // of one region
  std::size_t flips = 60;
  std::size_t findings = 200;
  std::size_t classes = 100;
  std::size_t lines = 30;              // reasons, warnings
  std::size_t region_bytes = 900'000;  // of pictures inside the page
  std::size_t flip_bytes = 300'000;
  Limits halved() const;
};

void add_regions(const Report& report, const Limits& limits, Data& page);
void add_flips(const Report& report, const Limits& limits, Data& page);
void add_numbers(const Report& report, const Waivers& waivers, const Limits& limits, Data& page);

// "6 more pictures" or nothing: mustache shows the sentence only if there is one.
void add_more(Data& data, const char* key, std::size_t left_out, const char* what);
Data fact(const std::string& name, const std::string& value);
// A list under `key`, and whether it holds anything under "has_<key>" for headings around it.
void add_list(Data& data, const std::string& key, const Data& list);

}  // namespace defuse::html
