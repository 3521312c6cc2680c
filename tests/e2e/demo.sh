#!/usr/bin/env bash
# `./dev demo`: gates real handwritten digits through a real daemon. Usage: demo.sh BUILD_FOLDER [--keep | --then COMMAND…]
# Everything it makes lies in BUILD_FOLDER/demo; nothing is left running unless --keep is given. --then runs a command at the end, while the daemon
# still answers at DEFUSED_URL.
set -euo pipefail
build=$(realpath "$1"); shift
keep=no
[ "${1:-}" = --keep ] && keep=yes
then=()
[ "${1:-}" = --then ] && then=("${@:2}")
demo=$build/demo
bin=$build/bin
url=

say() { printf '\n== %s\n' "$*"; }

rm -rf "$demo"
mkdir -p "$demo/registry/digits" "$demo/state"

say "training small classifiers on 2,500 real digits (one of them on data with a labelling mistake in it)"
"$bin/make-digit-models" "$demo"

cat > "$demo/defused.yaml" <<YAML
api_version: defused/v1
state_dir: $demo/state
registry: { path: $demo/registry, settle: 1s, rescan: 5s }
http: { listen: "127.0.0.1:${DEFUSED_DEMO_PORT:-0}" }
worker: { memory: 4GiB, timeout: 10min }
models:
  digits:
    input: { shape: [1, 20, 20], scale: 255 }
    data:
      train: { idx: { images: data/train-images-idx3-ubyte, labels: data/train-labels-idx1-ubyte } }
      test:  { idx: { images: data/test-images-idx3-ubyte,  labels: data/test-labels-idx1-ubyte } }
    generator: { kind: vae, latent: 16, epochs: 40 }
    checks:
      accuracy: { mode: block, max_drop: 1% }
      negative_flips: { mode: block, max_rate: 4% }
      misclassification_regions: { mode: block, draws: 10, min_support: 10, min_increase: 20% }
YAML

say "starting the daemon"
"$bin/defusectl" token create demo --scope operate --config "$demo/defused.yaml" > "$demo/token"
export DEFUSED_TOKEN; DEFUSED_TOKEN=$(cat "$demo/token")
"$bin/defused" --config "$demo/defused.yaml" > "$demo/daemon.log" 2>&1 &
daemon=$!
stop() { kill "$daemon" 2>/dev/null && wait "$daemon" 2>/dev/null || true; }
trap stop EXIT
for _ in $(seq 100); do
  [ -s "$demo/state/address" ] && break
  kill -0 "$daemon" 2>/dev/null || { cat "$demo/daemon.log"; echo "the daemon did not start" >&2; exit 1; }
  sleep 0.1
done
url=http://$(cat "$demo/state/address")
export DEFUSED_URL=$url

# Versions arrive as a pipeline would bring them: written under a hidden name, then renamed, so a scan never sees half of one.
release() { # release VERSION FILE
  mkdir "$demo/registry/digits/.incoming-$1"
  cp "$demo/models/$2" "$demo/registry/digits/.incoming-$1/model.pt"
  mv "$demo/registry/digits/.incoming-$1" "$demo/registry/digits/$1"
}

wait_for() { # wait_for VERSION: what a pipeline runs
  local status=0
  echo "\$ defusectl wait digits $1"
  "$bin/defusectl" wait digits "$1" --timeout 10m || status=$?
  echo "exit code $status; curl on /gate: $(curl -s -o "$demo/gate-$1.json" -w '%{http_code}' "$url/v1/models/digits/versions/$1/gate")"
  echo "$status" > "$demo/exit-$1"
}

say "version 1: the first of its line, so there is nothing to compare it with; a person promotes it"
release 1 incumbent.pt
wait_for 1
"$bin/defusectl" promote digits 1 --reason "first release of the line"

say "version 2: the same recipe on twice the data"
release 2 good.pt
wait_for 2

say "version 3: as accurate, but trained on data in which 7s that lean far to the right are labelled 1"
release 3 planted.pt
wait_for 3

say "version 4: a file that was cut short on its way"
release 4 truncated.pt
wait_for 4

say "version 5: version 3 repaired. A person looks at the region that blocks it and confirms it; tuning does the rest"
regions=$("$bin/defusectl" report digits 3 --format json | sed -n 's/.*"id": "\(r-[0-9a-f]*\)".*/\1/p')
region=${regions%%$'\n'*}
"$bin/defusectl" label "$region" confirmed --note "7s that lean to the right; the contractor's mistake"
echo "\$ defusectl correct digits 3 --out registry/digits/5"
"$bin/defusectl" correct digits 3 --out "$demo/registry/digits/5"
wait_for 5

say "verdicts"
"$bin/defusectl" versions digits
for version in 2 3 4 5; do
  printf 'version %s: exit code %s, /gate answers %s\n' "$version" "$(cat "$demo/exit-$version")" \
    "$(curl -s -o /dev/null -w '%{http_code}' "$url/v1/models/digits/versions/$version/gate")"
done
"$bin/defusectl" report digits 3 --format html --output "$demo/version-3.html" >/dev/null
echo
echo "dashboard:             $url/"
echo "report of version 3:   $demo/version-3.html"
echo "how it was repaired:     $demo/state/corrections/*/correction.md, and the dashboard"

status=0
[ "$(cat "$demo/exit-2") $(cat "$demo/exit-3") $(cat "$demo/exit-4") $(cat "$demo/exit-5")" = "0 1 4 0" ] || {
  echo "the demo expected exit codes 0, 1, 4 and 0" >&2
  status=1
}
[ ${#then[@]} -eq 0 ] || "${then[@]}" || status=$?
if [ "$keep" = yes ]; then
  trap - EXIT
  echo "the daemon goes on running (process $daemon); stop it with: kill $daemon"
fi
exit "$status"
