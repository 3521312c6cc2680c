#include "reports/write_repair.h"

#include "core/base/files.h"
#include "core/base/sha256.h"
#include "reports/repair_report.h"

namespace defuse {
namespace fs = std::filesystem;

Result<void> write_repair(const JobSpec& job, const RepairOrder& order, const RepairResult& result,
                          const fs::path& tuned, const fs::path& folder, const std::string& created_by) {
  const RepairTitle title{job.model, job.candidate.version};
  TRY_OK(write_atomically(folder / "correction.json", dump_json(to_json(result), 2) + "\n"));
  TRY_OK(write_atomically(folder / "correction.md", repair_markdown(title, result)));
  TRY_OK(write_atomically(folder / "sweep.svg", repair_svg(title, result)));
  if (!result.chosen) return {};
  // Not followed where it is a link: a worker made it.
  std::error_code ignored;
  if (fs::symlink_status(tuned, ignored).type() != fs::file_type::regular)
    return fail(ErrorCode::corrupt, "the tuned model is missing");
  TRY(digest, sha256_file(tuned));
  TRY_OK(write_atomically(folder / "manifest.json",
                          dump_json(repair_manifest(job, order, result, digest, created_by), 2) + "\n"));
  if (!job.candidate_labels.empty()) {
    std::string labels;
    for (const auto& label : job.candidate_labels) labels += label + "\n";
    TRY_OK(write_atomically(folder / "labels.txt", labels));
  }
  return copy_atomically(tuned, folder / "model.pt", kMaxModelBytes);
}

}  // namespace defuse
