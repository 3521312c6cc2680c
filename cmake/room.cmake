# A room is a folder of sources that is one library and has one job. It names the rooms it uses; tests/structure_test.py holds these
# names to the includes, and lets no arrow run up.
#   defuse_room(<target> SOURCES <file>… [USES <room>…] [LINKS <library>…] [SHOWS <library>…] [TORCH] [APART])
# LINKS are libraries whose headers stay in the room's sources; SHOWS those that its own headers include. TORCH: most of its sources
# include Torch, whose headers are then read once for all such rooms (core/torch reads them). Where DEFUSED_UNITY is on, up to eight sources of a
# room are compiled as one; APART: its sources have private names in common, so each is compiled alone.
set(DEFUSED_UNITY_BATCH 8 CACHE STRING "Sources compiled as one where DEFUSED_UNITY is on")

function(defuse_room target)
  cmake_parse_arguments(ROOM "TORCH;APART" "" "SOURCES;USES;LINKS;SHOWS" ${ARGN})
  add_library(${target} STATIC ${ROOM_SOURCES})
  target_link_libraries(${target} PUBLIC project_options ${ROOM_USES} ${ROOM_SHOWS} PRIVATE ${ROOM_LINKS})
  if(DEFUSED_UNITY AND NOT ROOM_APART)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${DEFUSED_UNITY_BATCH})
  endif()
  if(NOT ROOM_TORCH)
    return()
  endif()
  target_link_libraries(${target} PUBLIC defused_torch)
  if(target STREQUAL "core_torch")
    target_precompile_headers(core_torch PRIVATE ${PROJECT_SOURCE_DIR}/core/torch/torch.h)
  else()
    target_precompile_headers(${target} REUSE_FROM core_torch)
  endif()
endfunction()
