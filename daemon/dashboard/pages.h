// The dashboard's pages and their assets, one a route (daemon/http/routes.cc).
#pragma once
#include "daemon/api/call.h"

namespace defuse::http {

Answer page_home(const Call&);
Answer page_model(const Call&);
Answer page_version(const Call&);
Answer page_regions(const Call&);
Answer page_region(const Call&);
Answer page_repair(const Call&);
Answer page_queue(const Call&);
Answer page_model_queue(const Call&);
Answer page_jobs(const Call&);
Answer page_waivers(const Call&);
Answer page_waiver_new(const Call&);
Answer page_audit(const Call&);
Answer page_script(const Call&);
Answer page_part_script(const Call&);
Answer page_icon(const Call&);
Answer page_style(const Call&);

}  // namespace defuse::http
