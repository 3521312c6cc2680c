// Reads <folder>/<class>/<file>.png|jpg|jpeg as a data set. Files are decoded once, in sorted order, into
// <cache>/data/<fingerprint>.raw, which is then mapped; the fingerprint covers every file's name, size, times and
// inode, so a changed file means a new entry. Pictures are never resized: one of another size is an error. Called by
// open_dataset().
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

// Folders are classes; links are followed. Names that begin with a dot are passed over, and so are other files beside
// the class folders. `classes` gives the order; without it, the sorted folder names are the classes.
Result<Dataset> open_image_folder(const FolderSource& source, const InputSettings& input,
                                  const std::vector<std::string>& classes, const std::filesystem::path& cache);

}  // namespace defuse
