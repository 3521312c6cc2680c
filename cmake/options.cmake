# project_options: what every target of ours is compiled with. Warnings are errors where DEFUSED_WERROR is on (dev and CI presets).
option(DEFUSED_WERROR "Treat warnings as errors" OFF)

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(project_options INTERFACE DEFUSED_VERSION="${PROJECT_VERSION}")
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Woverloaded-virtual
  -Wdouble-promotion -Wformat=2
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>  # g++ 12 reports it inside std::string's operator+ (GCC bug 105651)
  $<$<BOOL:${DEFUSED_WERROR}>:-Werror>)
# Addresses of functions are resolved at the start and then write-protected.
target_link_options(project_options INTERFACE -Wl,-z,relro,-z,now)
