#include "daemon/dashboard/embedded.h"

#include "embedded/dashboard_act_script.h"
#include "embedded/dashboard_audit.h"
#include "embedded/dashboard_correction.h"
#include "embedded/dashboard_correction_script.h"
#include "embedded/dashboard_home.h"
#include "embedded/dashboard_icon.h"
#include "embedded/dashboard_jobs.h"
#include "embedded/dashboard_jobs_script.h"
#include "embedded/dashboard_layout.h"
#include "embedded/dashboard_map_script.h"
#include "embedded/dashboard_model.h"
#include "embedded/dashboard_queue.h"
#include "embedded/dashboard_queue_script.h"
#include "embedded/dashboard_region.h"
#include "embedded/dashboard_regions.h"
#include "embedded/dashboard_script.h"
#include "embedded/dashboard_style.h"
#include "embedded/dashboard_trend.h"
#include "embedded/dashboard_version.h"
#include "embedded/dashboard_waiver_form.h"
#include "embedded/dashboard_waiver_new.h"
#include "embedded/dashboard_waivers.h"
#include "embedded/dashboard_waivers_script.h"
#include "embedded/dashboard_words.h"

namespace defuse {
namespace {

struct Entry {
  std::string_view name;
  std::string_view (*content)();
};

constexpr Entry kEntries[] = {
    {"dashboard_layout.mustache", embedded::dashboard_layout},
    {"dashboard_home.mustache", embedded::dashboard_home},
    {"dashboard_model.mustache", embedded::dashboard_model},
    {"dashboard_version.mustache", embedded::dashboard_version},
    {"dashboard_regions.mustache", embedded::dashboard_regions},
    {"dashboard_region.mustache", embedded::dashboard_region},
    {"dashboard_trend.mustache", embedded::dashboard_trend},
    {"dashboard_words.mustache", embedded::dashboard_words},
    {"dashboard_queue.mustache", embedded::dashboard_queue},
    {"dashboard_jobs.mustache", embedded::dashboard_jobs},
    {"dashboard_waivers.mustache", embedded::dashboard_waivers},
    {"dashboard_waiver_new.mustache", embedded::dashboard_waiver_new},
    {"dashboard_waiver_form.mustache", embedded::dashboard_waiver_form},
    {"dashboard_audit.mustache", embedded::dashboard_audit},
    {"dashboard_correction.mustache", embedded::dashboard_correction},
    {"dashboard_style.css", embedded::dashboard_style},
    {"dashboard_icon.svg", embedded::dashboard_icon},
    {"dashboard_map.js", embedded::dashboard_map_script},
    {"dashboard_script.js", embedded::dashboard_script},
    {"dashboard_correction.js", embedded::dashboard_correction_script},
    {"dashboard_act.js", embedded::dashboard_act_script},
    {"dashboard_queue.js", embedded::dashboard_queue_script},
    {"dashboard_waivers.js", embedded::dashboard_waivers_script},
    {"dashboard_jobs.js", embedded::dashboard_jobs_script},
};

}  // namespace

std::string embedded_file(std::string_view name) {
  for (const auto& entry : kEntries)
    if (entry.name == name) return std::string(entry.content());
  return {};
}

}  // namespace defuse
