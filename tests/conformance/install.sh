#!/usr/bin/env bash
# Installs the official MCP conformance suite and prints the folder that has it. Needs npm.
#
#   tests/conformance/install.sh
#
# That is done once, into target/conformance or $CONFORMANCE_CACHE, and again when the lock file here
# changes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${CONFORMANCE_CACHE:-$here/../../target/conformance}

# A lock file with download addresses would tie every user to the registry of whoever wrote it.
if grep -q '"resolved"' "$here/package-lock.json"; then
  echo "package-lock.json names a registry: write it again with the .npmrc beside it" >&2
  exit 1
fi

# npm ci installs exactly the lock file, hash by hash, and --ignore-scripts runs no package's scripts.
# The lock file is copied in last, so that an install that was cut short is done again.
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
if ! cmp -s "$here/package-lock.json" "$cache/installed.json"; then
  echo "installing the conformance suite" >&2
  rm -f "$cache/installed.json"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$cache/"
  (cd "$cache" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
  cp "$here/package-lock.json" "$cache/installed.json"
fi
echo "$cache"
