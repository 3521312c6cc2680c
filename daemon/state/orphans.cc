#include "daemon/state/orphans.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>
#include <vector>

namespace defuse {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> inside(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    found.push_back(entry->path());
  return found;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void drop(const fs::path& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void sweep_reports(const StateFolder& state, const Referenced& referenced) {
  for (const auto& model : inside(state.root / "reports"))
    for (const auto& version : inside(model))
      for (const auto& report : inside(version))
        if (!referenced.reports.contains(report.lexically_relative(state.root).string())) drop(report);
}

// <region>.probe, and <region>-<job>.npy of each sighting.
void sweep_regions(const StateFolder& state, const Referenced& referenced) {
  for (const auto& file : inside(state.root / "regions")) {
    const auto stem = file.stem().string();
    if (file.extension() == ".probe" && !referenced.regions.contains(stem)) drop(file);
    if (file.extension() != ".npy") continue;
    const auto dash = stem.rfind('-');
    const auto job = dash == std::string::npos ? std::nullopt : number(std::string_view(stem).substr(dash + 1));
    if (!job) continue;
    if (!referenced.regions.contains(stem.substr(0, dash)) || referenced.without_verdict.contains(*job)) drop(file);
  }
}

void sweep_jobs(const StateFolder& state, const Referenced& referenced) {
  for (const auto& folder : inside(state.jobs())) {
    const auto job = number(folder.filename().string());
    if (!job || *job > referenced.newest_job || referenced.open.contains(*job)) continue;
    harmless(tidy_job(state, *job, referenced.results.contains(*job) ? KeepResult::yes : KeepResult::no),
             "what stays is looked at again at the next start");
  }
  for (const auto& folder : inside(state.corrections()))
    if (const auto job = number(folder.filename().string()); job && !referenced.corrections.contains(*job))
      drop(folder);
}

}  // namespace

void sweep_orphans(const StateFolder& state, const Referenced& referenced) {
  sweep_reports(state, referenced);
  sweep_regions(state, referenced);
  sweep_jobs(state, referenced);
}

}  // namespace defuse
