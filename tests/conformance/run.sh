#!/usr/bin/env bash
# Runs the official MCP conformance suite against a running server: every line of scenarios.txt, and
# all there is for 2026-07-28, with warnings counted as failures. Exits non-zero when anything failed,
# was skipped or checked nothing.
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

# run <name> <option>...: one run of the suite, in which warnings count as failures. An empty list of
# expected failures is what makes them count.
run() {
  local name=$1 status=0
  shift
  rm -rf "${out:?}/$name"
  mkdir "$out/$name"
  : >"$out/none.yml"
  "$node" "$suite" server --url "$url" "$@" --expected-failures "$out/none.yml" -o "$out/$name" \
    >"$out/$name/log.txt" 2>&1 </dev/null || status=$?
  # A scenario unknown at its version is skipped with status 0: only its checks prove that it ran.
  if [ $status -eq 0 ] && grep -qs '"status": "SUCCESS"' "$out/$name"/server-*/checks.json; then
    echo "ok      $name: $("$node" "$here/totals.js" "$out/$name"/server-*/checks.json)"
  else
    echo "FAILED  $name"
    sed 's/^/        /' "$out/$name/log.txt"
    failed+=("$name")
  fi
}

while read -r scenario version; do
  run "$scenario@$version" --scenario "$scenario" --spec-version "$version"
done < <(sed 's/#.*//' "$here/scenarios.txt" | grep '[^[:space:]]')

run all@2026-07-28 --suite all --spec-version 2026-07-28
run requirements@2026-07-28 --requirements 2026-07-28
# An extension that no set of requirements has; without a version, it is run on 2026-07-28.
for scenario in sep-2640-skills-directory sep-2640-skills-enumeration sep-2640-skills-manifest; do
  run $scenario --scenario $scenario
done

"$node" "$here/totals.js" "$out"/*/server-*/checks.json
if [ ${#failed[@]} -ne 0 ]; then
  echo "conformance: FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "conformance: ok"
