#!/bin/sh
# cppcheck over everything but tests; any finding fails. A finding that is wrong is answered where it stands, with its reason.
cd "$(dirname "$0")/.." || exit 2
command -v cppcheck >/dev/null || { echo "SKIPPED: cppcheck is not installed"; exit 77; }
exec cppcheck --enable=warning,performance,portability --std=c++20 --language=c++ --inline-suppr --suppress=missingIncludeSystem \
  --quiet -I . --error-exitcode=1 core config checks reports daemon
