// Compares text with a file under tests/golden. UPDATE_GOLDEN=1 rewrites the file and reports the test as SKIPPED, so
// that a run which updates can never be taken for one that checks.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#define EXPECT_GOLDEN(text, name)                                                                              \
  do {                                                                                                         \
    const std::filesystem::path golden_ = std::filesystem::path(DEFUSED_SOURCE_DIR) / "tests/golden" / (name); \
    if (std::getenv("UPDATE_GOLDEN")) {                                                                        \
      std::ofstream(golden_, std::ios::binary) << (text);                                                      \
      GTEST_SKIP() << "rewrote " << golden_;                                                                   \
    }                                                                                                          \
    std::ifstream file_(golden_, std::ios::binary);                                                            \
    ASSERT_TRUE(file_) << golden_ << " is missing; UPDATE_GOLDEN=1 makes it";                                  \
    EXPECT_EQ((text), std::string(std::istreambuf_iterator<char>(file_), {})) << "differs from " << golden_;   \
  } while (false)
