#!/usr/bin/env bash
# Runs the official MCP conformance suite against a running server: everything there is for each
# revision, with warnings counted as failures. Exits non-zero when any check failed, or fewer passed
# than there are.
#
#   tests/conformance/run.sh <url> <out-dir>
#
# <url> must name 127.0.0.1, localhost or [::1]. <out-dir> gets a folder a run, with its log and its
# checks.json. Needs npm; install.sh says where the suite is kept.
set -euo pipefail

if [ $# -ne 2 ]; then
  echo "usage: $0 <url> <out-dir>" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
url=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
cache=$(bash "$here/install.sh")

# The suite needs Node 22. It comes from npm as well: the optional dependency of this platform.
node=$cache/node_modules/.bin/node
suite=$cache/node_modules/@modelcontextprotocol/conformance/dist/index.js

failed=()

# run <name> <least> <option>...: one run of the suite, in which warnings count as failures. An empty
# list of expected failures is what makes them count.
#
# The status says nothing of scenarios that no revision requires, of those that do not apply and are
# skipped, nor of checks that are left out where a server does not do what they are about: only the
# number of checks that passed proves that they all ran, and <least> is what there are.
run() {
  local name=$1 least=$2 status=0 totals
  shift 2
  rm -rf "${out:?}/$name"
  mkdir "$out/$name"
  : >"$out/none.yml"
  "$node" "$suite" server --url "$url" "$@" --expected-failures "$out/none.yml" -o "$out/$name" \
    >"$out/$name/log.txt" 2>&1 </dev/null || status=$?
  totals=$("$node" "$here/totals.js" "$least" "$out/$name"/server-*/checks.json) || status=1
  if [ $status -eq 0 ]; then
    echo "ok      $name: $totals"
  else
    echo "FAILED  $name: $totals; at least $least must pass"
    sed 's/^/        /' "$out/$name/log.txt"
    failed+=("$name")
  fi
}

# The suite's client does the initialize handshake always as 2025-11-25; an older version here changes
# the schema that answers are held to and what a raw probe asks for.
run all@2025-03-26 3 --suite all --spec-version 2025-03-26
run all@2025-06-18 56 --suite all --spec-version 2025-06-18
run all@2025-11-25 83 --suite all --spec-version 2025-11-25
run requirements@2025-11-25 83 --requirements 2025-11-25
run all@2026-07-28 152 --suite all --spec-version 2026-07-28
run requirements@2026-07-28 196 --requirements 2026-07-28
# An extension that no set of requirements has; without a version, it is run on 2026-07-28.
run sep-2640-skills-directory 7 --scenario sep-2640-skills-directory
run sep-2640-skills-enumeration 32 --scenario sep-2640-skills-enumeration
run sep-2640-skills-manifest 6 --scenario sep-2640-skills-manifest

"$node" "$here/totals.js" 0 "$out"/*/server-*/checks.json || true
if [ ${#failed[@]} -ne 0 ]; then
  echo "conformance: FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "conformance: ok"
