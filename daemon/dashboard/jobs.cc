// The dashboard's page of jobs: those that go on first, then the latest. dashboard_jobs.js keeps it up to date.
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

constexpr std::size_t kJobsShown = 50;

}  // namespace

Answer page_jobs(const Call& call) {
  TRY(store, call.read.store());
  const std::size_t page = page_of(call);
  // Asked before the jobs are read: what happens in between is told again rather than missed.
  const auto events = call.read.events_after(0, std::chrono::milliseconds(0));
  TRY(found, store->jobs.page(page * kJobsShown, kJobsShown));
  Json jobs = Json::array();
  for (const auto& row : found.rows) jobs.push_back(job_row(row));
  return html_with_scripts("dashboard_jobs.mustache", {{"title", "Jobs"},
                                                       {"program", "defused " DEFUSED_VERSION},
                                                       {"at_jobs", true},
                                                       {"live", page == 0},
                                                       {"after", events.empty() ? 0 : events.back().id},
                                                       {"has_jobs", !jobs.empty()},
                                                       {"pages", pager(page, kJobsShown, jobs.size(), found.total)},
                                                       {"jobs", std::move(jobs)}});
}

}  // namespace defuse::http
