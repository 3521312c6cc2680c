#include "daemon/local/local_job.h"

#include <algorithm>
#include <utility>

#include "config/config.h"
#include "core/base/files.h"
#include "core/base/sha256.h"
#include "core/verdict/conclude.h"
#include "daemon/state/judge.h"

namespace defuse::local {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxLabels = 1 << 20;

struct Artifact {
  ArtifactRef ref;
  std::vector<std::string> labels;
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// A version's folder as in a registry, or the artifact alone. Its name: the folder's, or the file's if that says more.
Result<Artifact> artifact_at(const fs::path& given, const std::string& what) {
  std::error_code problem;
  auto file = fs::canonical(given, problem);
  if (problem) return fail(ErrorCode::invalid_input, what + " " + given.string() + ": " + problem.message());
  if (fs::is_directory(file, problem)) file /= "model.pt";
  if (!fs::is_regular_file(file, problem))
    return fail(ErrorCode::invalid_input, what + " " + file.string() + " is not a file");
  Artifact artifact;
  const bool in_version_folder = file.filename() == "model.pt";
  const auto name = in_version_folder ? file.parent_path().filename().string() : file.stem().string();
  artifact.ref.version = Version(is_valid_name(name) ? name : what);
  artifact.ref.path = file;
  TRY(digest, while_doing("while reading the " + what, sha256_file(file)));
  artifact.ref.digest = Digest(std::move(digest));
  if (in_version_folder) {
    auto labels = read_file(file.parent_path() / "labels.txt", kMaxLabels);
    if (labels) artifact.labels = lines_of(*labels);
    if (!labels && labels.error().code != ErrorCode::not_found) return tl::unexpected<Error>(std::move(labels.error()));
  }
  return artifact;
}

}  // namespace

Result<fs::path> ready_folder(const fs::path& path) {
  TRY_OK(make_folder(path));
  std::error_code problem;
  auto real = fs::canonical(path, problem);
  if (problem) return fail(ErrorCode::io, path.string() + ": " + problem.message());
  return real;
}

Result<JobSpec> specify(const GateRequest& request, const fs::path& out) {
  TRY(config, load_config(request.config));
  const auto settings = config.models.find(request.model);
  if (settings == config.models.end())
    return fail(ErrorCode::invalid_input, request.config.string() + " has no model " + request.model);
  TRY(candidate, artifact_at(request.candidate, "candidate"));
  JobSpec job;
  job.id = 1;
  job.model = ModelName(request.model);
  job.candidate = std::move(candidate.ref);
  job.candidate_labels = std::move(candidate.labels);
  if (!request.incumbent.empty()) {
    TRY(incumbent, artifact_at(request.incumbent, "incumbent"));
    job.incumbent = std::move(incumbent.ref);
    if (job.incumbent->version == job.candidate.version)
      job.incumbent->version = Version(job.incumbent->version + "-incumbent");
  }
  for (const auto& path : request.siblings) {
    TRY(sibling, artifact_at(path, "sibling"));
    job.siblings.push_back({sibling.ref.version, sibling.ref.digest, sibling.ref.path, {}});
  }
  job.settings = settings->second;
  // Versions that the file names stand in a registry, which this gate does not look at.
  if (job.siblings.empty())
    for (const auto& name : job.settings.noise_floor.versions)
      job.siblings.push_back({Version(name),
                              {},
                              {},
                              "`evaluate` does not read the registry: give the file of this sibling with --sibling"});
  job.worker = config.worker;
  TRY(cache, ready_folder(request.cache.empty() ? out / ".cache" : request.cache));
  job.cache = std::move(cache);
  job.cache_size = config.cache.size;
  return job;
}

Report conclude(const JobSpec& job, const fs::path& folder, const WorkerExit& exit, TimePoint now) {
  if (!exit.clean) return conclude_failure(job, exit.cause, now);
  auto result = read_result(folder, job);
  if (!result) return conclude_failure(job, result.error().describe(), now);
  return defuse::conclude(std::move(*result), job.settings, {}, {}, now, folder / "result");
}

}  // namespace defuse::local
