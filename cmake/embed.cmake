# defuse_embed(<target> <name> <file>): puts a file's bytes into a target, so that programs need no data files.
# Code includes "embedded/<name>.h" and uses `std::string_view defuse::embedded::<name>()`. <name> is a C++ identifier. The file
# is read anew whenever it changes. `cmake -P embed.cmake` with INPUT, OUTPUT and NAME is the generating half.
if(CMAKE_SCRIPT_MODE_FILE)
  # A string literal may hold at most 64 KB on some compilers and is slow to escape; an array of numbers is safe for any bytes.
  file(READ "${INPUT}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  # Lines of a length that editors and compilers bear.
  string(REGEX REPLACE "(................................................................................)" "\\1\n"
         bytes "${bytes}")
  file(WRITE "${OUTPUT}.tmp" "#include \"embedded/${NAME}.h\"

namespace defuse::embedded {
namespace {
constexpr unsigned char kBytes[] = {
${bytes}0};
}
std::string_view ${NAME}() { return {reinterpret_cast<const char*>(kBytes), sizeof kBytes - 1}; }
}
")
  file(RENAME "${OUTPUT}.tmp" "${OUTPUT}")
  return()
endif()

function(defuse_embed target name file)
  get_filename_component(input "${file}" ABSOLUTE)
  # One root per target, so that a parallel build never has two rules writing the same file.
  set(root "${CMAKE_CURRENT_BINARY_DIR}/${target}_embedded")
  set(header "${root}/embedded/${name}.h")
  set(source "${root}/embedded/${name}.cc")
  # Already now, so that tools which read sources need no build.
  file(CONFIGURE OUTPUT "${header}" CONTENT "#pragma once
#include <string_view>

namespace defuse::embedded {
std::string_view ${name}();
}
" @ONLY)
  add_custom_command(
    OUTPUT "${source}"
    COMMAND "${CMAKE_COMMAND}" "-DINPUT=${input}" "-DOUTPUT=${source}" "-DNAME=${name}"
            -P "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    DEPENDS "${input}" "${CMAKE_CURRENT_FUNCTION_LIST_FILE}"
    COMMENT "Embedding ${name}"
    VERBATIM)
  set_source_files_properties("${source}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)  # they all name their bytes alike
  target_sources(${target} PRIVATE "${source}" "${header}")
  target_include_directories(${target} PRIVATE "${root}")
endfunction()
