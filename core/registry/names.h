// Names found in a registry: which are never looked at, and how to show one that nobody should trust. Pure;
// thread-safe.
#pragma once
#include <string>
#include <string_view>

namespace defuse {

// Work in progress by convention: ".x", "tmp-x" (renamed when whole), and what editors leave ("x~", "#x#", "x.swp").
bool is_passing_name(std::string_view name);

// The name with control bytes and bytes beyond ASCII written as \xNN, cut at 200 bytes: for warnings.
std::string printable_name(std::string_view name);

}  // namespace defuse
