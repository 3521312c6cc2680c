#!/bin/sh
# systemd_score.sh <systemd-analyze> <unit>: the unit's exposure is 1.2 or less, and no line of it is unknown to systemd.
# Says nothing about whether workers survive inside it: a boot test is for that.
set -eu
analyze=$1 unit=$2
if [ ! -x "$analyze" ]; then
  echo "skipped: systemd-analyze is not installed"
  exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# A syntax check looks for the program and its manual pages, which need not be installed here.
sed -e 's|^ExecStart=.*|ExecStart=/bin/true|' -e '/^Documentation=/d' "$unit" > "$folder/defused.service"
problems=$("$analyze" verify "$folder/defused.service" 2>&1 | grep "defused.service" || true)
if [ -n "$problems" ]; then
  echo "$problems"
  exit 1
fi
if ! "$analyze" security --offline=true --threshold=12 "$unit" > "$folder/score" 2>&1; then
  cat "$folder/score"
  exit 1
fi
tail -n 1 "$folder/score"
