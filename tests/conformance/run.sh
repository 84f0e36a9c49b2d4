#!/usr/bin/env bash
# Runs the official MCP conformance suite against a running server: every line of scenarios.txt, with
# warnings counted as failures. Exits non-zero when anything failed, was skipped or checked nothing.
#
#   tests/conformance/run.sh <url> <out-dir>
#
# <url> must name 127.0.0.1, localhost or [::1]. <out-dir> gets a folder a scenario, with its log and
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

results=()
failed=()
while read -r scenario version; do
  name=$scenario@$version
  rm -rf "${out:?}/$name"
  mkdir "$out/$name"
  status=0
  "$node" "$suite" server --url "$url" --scenario "$scenario" --spec-version "$version" \
    --expected-failures "$here/expected-failures.yml" -o "$out/$name" \
    >"$out/$name/log.txt" 2>&1 </dev/null || status=$?
  # A scenario unknown at its version is skipped with status 0: only its checks prove that it ran.
  checks=("$out/$name"/server-*/checks.json)
  if [ $status -eq 0 ] && grep -qs '"status": "SUCCESS"' "${checks[0]}"; then
    echo "ok      $name"
  else
    echo "FAILED  $name"
    sed 's/^/        /' "$out/$name/log.txt"
    failed+=("$name")
  fi
  results+=("${checks[0]}")
done < <(sed 's/#.*//' "$here/scenarios.txt" | grep '[^[:space:]]')

if [ ${#results[@]} -eq 0 ]; then
  echo "conformance: FAILED: scenarios.txt names no scenario" >&2
  exit 1
fi
"$node" "$here/totals.js" "${results[@]}"
if [ ${#failed[@]} -ne 0 ]; then
  echo "conformance: FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "conformance: ok (warnings count; only what expected-failures.yml lists may fail)"
