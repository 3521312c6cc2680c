#include <utility>

#include "config/config.h"
#include "config/decode.h"
#include "config/job_fields.h"
#include "config/yaml.h"
#include "core/base/document_writer.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxJobBytes = std::size_t{64} << 20;

}  // namespace

Json to_json(const JobSpec& job) { return write_document(job); }

Result<JobSpec> job_from_json(std::string_view text, const std::filesystem::path& name_for_errors) {
  const auto name = name_for_errors.string();
  if (text.size() > kMaxJobBytes) return fail(ErrorCode::exhausted, name + " is larger than any job");
  TRY(json, parse_json(text, name));
  const auto root = tree_of(json);
  Problems problems(name, name_for_errors.parent_path());
  Decoder decoder(*root, "", problems);
  decoder.expect_map();
  JobSpec job;
  describe(decoder, job);
  decoder.finish();
  TRY_OK(problems.status());
  job.settings.name = job.model;
  return job;
}

}  // namespace defuse
