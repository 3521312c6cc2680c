#!/bin/sh
# lintian_test.sh <folder of the package> <defusectl>: lintian has no error and no warning to tell, and the manual page knows every verb.
set -eu
folder=$1 ctl=$2
if ! command -v lintian >/dev/null; then
  echo "SKIPPED: lintian is not installed"
  exit 77
fi
set -- "$folder"/defused_*.deb
[ $# = 1 ] && [ -e "$1" ] || { echo "$folder holds no package, or several: $*"; exit 1; }
lintian --fail-on error,warning "$1"
page=$(dpkg-deb --fsys-tarfile "$1" | tar -xO ./usr/share/man/man1/defusectl.1.gz | gzip -dc)
verbs=$("$ctl" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$verbs" ] || { echo "defusectl --help names no verbs"; exit 1; }
for verb in $verbs; do
  printf '%s\n' "$page" | grep -Eq "^\.B[A-Z]* \"?$verb\b" || { echo "defusectl(1) does not know the verb $verb"; exit 1; }
done
