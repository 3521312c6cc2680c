#include "daemon/local/temp_folder.h"

#include <stdlib.h>  // mkdtemp

#include <cerrno>
#include <cstring>
#include <string>

namespace defuse::local {

Result<TempFolder> TempFolder::create() {
  std::error_code problem;
  const auto base = std::filesystem::temp_directory_path(problem);
  std::string name = ((problem ? std::filesystem::path("/tmp") : base) / "defusectl-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    return fail(ErrorCode::io, "cannot make a temporary folder " + name + ": " + std::strerror(errno));
  return TempFolder(std::filesystem::path(name));
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace defuse::local
