# Every third-party library, found once and wrapped so that its headers are SYSTEM (our warnings do not judge them).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(CURL 7.85 REQUIRED)  # CURLOPT_PROTOCOLS_STR
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(prometheus-cpp REQUIRED)
find_package(civetweb REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(seccomp REQUIRED IMPORTED_TARGET libseccomp)

# Torch's own CMake package sets global flags and drags in CUDA checks; we want neither, only headers and libraries.
find_path(TORCH_INCLUDE_DIR torch/script.h REQUIRED)
find_path(TORCH_API_INCLUDE_DIR torch/torch.h
          HINTS ${TORCH_INCLUDE_DIR}/torch/csrc/api/include REQUIRED)
find_library(TORCH_LIBRARY torch REQUIRED)
find_library(TORCH_CPU_LIBRARY torch_cpu REQUIRED)
find_library(C10_LIBRARY c10 REQUIRED)
add_library(defused_torch INTERFACE)
target_include_directories(defused_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIR} ${TORCH_API_INCLUDE_DIR})
target_link_libraries(defused_torch INTERFACE ${TORCH_CPU_LIBRARY} ${C10_LIBRARY} Threads::Threads)
