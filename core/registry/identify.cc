#include "core/registry/identify.h"

#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/sha256.h"
#include "core/registry/manifest.h"
#include "core/registry/version_files.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

Result<void> expect_unchanged(const RegistryEntry& entry, const std::string& when) {
  const auto files = list_version_files(entry.artifact.parent_path());
  if (files && fingerprint_of(*files) == entry.fingerprint) return {};
  return fail(ErrorCode::unavailable, entry.model + "/" + entry.version + " changed " + when);
}

// One class name a line; the number of the line is the class, so empty lines in the middle count.
std::vector<std::string> split_lines(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// Nothing if there is no such file; any other trouble is an error.
Result<std::string> read_if_there(const fs::path& file, std::uint64_t max_bytes) {
  auto bytes = read_regular_file(file, max_bytes);
  if (!bytes && bytes.error().code == ErrorCode::not_found) return std::string();
  return bytes;
}

Result<Candidate> read_candidate(const RegistryEntry& entry, const Clock& clock) {
  const fs::path folder = entry.artifact.parent_path();
  Candidate candidate;
  candidate.model = entry.model;
  candidate.version = entry.version;
  std::error_code code;
  candidate.artifact = fs::canonical(entry.artifact, code);
  if (code) return fail(ErrorCode::io, "cannot find " + entry.artifact.string() + ": " + code.message());
  TRY(digest, sha256_file(candidate.artifact));
  candidate.digest = Digest(std::move(digest));
  auto labels = read_regular_file(folder / kLabelsName, kMaxLabelsBytes);
  if (labels) {
    candidate.labels = split_lines(*labels);
    candidate.labels_sha256 = sha256_hex(*labels);
  } else if (labels.error().code != ErrorCode::not_found) {  // "no labels" skips a check
    return tl::unexpected<Error>(std::move(labels.error()));
  }
  TRY(manifest, read_if_there(folder / kManifestName, kMaxManifestBytes));
  candidate.manifest = std::move(manifest);
  // Whether it matters is for the configuration to say, so what is wrong with it is kept and nothing fails here.
  auto signature = read_if_there(folder / kSignatureName, kMaxSignatureBytes);
  if (signature && !signature->empty())
    candidate.manifest_signature = std::move(*signature);
  else if (!signature)
    candidate.signature_problem = std::move(signature.error().message);
  candidate.seen_at = clock.now();
  return candidate;
}

}  // namespace

Result<Candidate> identify(const RegistryEntry& entry, const Clock& clock) {
  const std::string name = entry.model + "/" + entry.version;
  if (entry.state != EntryState::ready) return fail(ErrorCode::conflict, name + " is not ready: " + entry.problem);
  TRY_OK(expect_unchanged(entry, "since it was listed"));
  auto candidate = while_doing("while identifying " + name, read_candidate(entry, clock));
  // First this: whatever went wrong with files that were moving says nothing about them.
  TRY_OK(expect_unchanged(entry, "while it was read"));
  if (candidate && entry.manifest_sha256 && *entry.manifest_sha256 != candidate->digest)
    return fail(ErrorCode::corrupt, name + ": model.pt has sha256 " + candidate->digest +
                                        ", but manifest.json promises " + *entry.manifest_sha256);
  return candidate;
}

}  // namespace defuse
