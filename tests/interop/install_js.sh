#!/usr/bin/env bash
# Installs the official JavaScript MCP clients, MCP Inspector among them, and prints the folder that
# has them. Needs npm.
#
#   tests/interop/install_js.sh
#
# That is done once, into target/interop/js or below $INTEROP_CACHE, and again when the lock file here
# changes.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
js=${INTEROP_CACHE:-$here/../../target/interop}/js

# A lock file with download addresses would tie every user to the registry of whoever wrote it.
if grep -q '"resolved"' "$here/package-lock.json"; then
  echo "package-lock.json names a registry: write it again with the .npmrc beside it" >&2
  exit 1
fi

# npm ci installs exactly the lock file, hash by hash, and --ignore-scripts runs no package's scripts.
# The lock file is copied in last, so that an install that was cut short is done again.
mkdir -p "$js"
js=$(cd "$js" && pwd)
if ! cmp -s "$here/package-lock.json" "$js/installed.json"; then
  echo "installing the JavaScript clients" >&2
  rm -f "$js/installed.json"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$js/"
  (cd "$js" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
  cp "$here/package-lock.json" "$js/installed.json"
fi
echo "$js"
