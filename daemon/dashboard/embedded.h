// Files that are part of the program: templates, the style sheet, the API's description. Put in by CMake
// (cmake/embed.cmake), so the daemon reads no file to serve a page. Pure; thread-safe.
#pragma once
#include <string>
#include <string_view>

namespace defuse {

// By file name; empty if there is none, which a test rules out for every name used.
std::string embedded_file(std::string_view name);

}  // namespace defuse
