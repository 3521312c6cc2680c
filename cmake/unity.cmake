# DEFUSED_UNITY: several sources of a library are compiled as one, so that headers are read once. Files whose private names
# another one also has stay alone; they are listed here, by target, so that the folders' own lists need not know.
# While one file is worked on, building that alone is faster: cmake --preset dev -DDEFUSED_UNITY=OFF.
set(DEFUSED_UNITY_BATCH 8 CACHE STRING "Sources compiled as one where DEFUSED_UNITY is on")

# defuse_unity(<target> [<file that stays alone>…])
function(defuse_unity target)
  set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${DEFUSED_UNITY_BATCH})
  list(TRANSFORM ARGN PREPEND ${PROJECT_SOURCE_DIR}/)
  set_source_files_properties(${ARGN} TARGET_DIRECTORY ${target} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

if(DEFUSED_UNITY)
  defuse_unity(core
    core/correct/correction.cc
    core/evaluate/npy.cc
    core/regions/half_spaces.cc
    core/regions/scan.cc
    core/slices/baselines.cc
    core/stats/paired_tests.cc
    core/store/store_jobs.cc
    core/store/store_regions.cc
    core/store/store_verdicts.cc
    core/store/store_waivers.cc
    core/verdict/decide.cc)
  defuse_unity(core_ml
    core/correct/fine_tuning.cc
    core/ml/generator.cc
    core/ml/soft_rows.cc)
  defuse_unity(config)
  defuse_unity(reports
    reports/page_json.cc
    reports/sarif_report.cc)
  defuse_unity(daemon_http
    daemon/http/api_dashboard_jobs.cc
    daemon/http/api_dashboard_releases.cc
    daemon/http/civet_server.cc
    daemon/http/relay.cc
    daemon/http/request_reader.cc
    daemon/http/version_map_view.cc)
  defuse_unity(daemon_core)
  defuse_unity(daemon_ctl
    daemon/ctl/correct_remote.cc
    daemon/ctl/wait.cc)
endif()
