#!/bin/sh
# Every source is formatted as .clang-format says; `clang-format -i FILE…` repairs what this names. Versions differ in details: 14 counts.
cd "$(dirname "$0")/.." || exit 2
command -v clang-format >/dev/null || { echo "SKIPPED: clang-format is not installed"; exit 77; }
clang-format --version | grep -q 'version 14\.' || { echo "SKIPPED: this is not clang-format 14"; exit 77; }
find core config checks reports daemon tests \( -name '*.cc' -o -name '*.h' \) -print0 | xargs -0 -P 2 -n 40 clang-format --dry-run -Werror
