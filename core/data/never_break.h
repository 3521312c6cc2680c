// Reads the file of a never-break list: one index of a test image a line, counted from 0; `#` begins a comment. Called
// by the worker before it closes itself in, for checks read no files.
#pragma once
#include "core/base/result.h"
#include "core/settings/settings.h"

namespace defuse {

// Appends what the file names to `never_break`. A file that cannot be read, or a line that is no index, is an error
// that names it: a list that is half read would let through what it forbids.
Result<void> read_never_break(NegativeFlipSettings& settings);

}  // namespace defuse
