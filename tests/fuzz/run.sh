#!/bin/sh
# run.sh FOLDER NAME [libFuzzer's words]: runs FOLDER/NAME_fuzz for DEFUSED_FUZZ_SECONDS from its seeds, in a copy that goes
# away. An input that shows a bug ends the run and is kept in ./fuzz-found. DEFUSED_FUZZ_SEED=0 is another way every time.
set -eu
program=$1/${2}_fuzz name=$2 here=$(cd "$(dirname "$0")" && pwd)
shift 2
if [ ! -x "$program" ]; then
  echo "SKIPPED: $program is not built; ./dev test and ./dev fuzz build it"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$work/corpus" fuzz-found
# Nice: whatever else is tested meanwhile waits for something, and this never does.
# Freed memory is held back for a while, but less than by default: it counts against the limit.
ASAN_OPTIONS=quarantine_size_mb=32 TMPDIR=$work nice -n 10 "$program" \
  -max_total_time="${DEFUSED_FUZZ_SECONDS:-60}" -seed="${DEFUSED_FUZZ_SEED:-1}" -timeout=10 -rss_limit_mb=1024 \
  -malloc_limit_mb=256 -max_len=65536 -print_final_stats=1 -artifact_prefix="fuzz-found/$name-" -dict="$here/$name.dict" "$@" \
  "$work/corpus" "$here/corpus/$name" || exit 1  # libFuzzer's own 77 would read as skipped
