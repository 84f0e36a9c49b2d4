#!/usr/bin/env bash
# Writes the official JSON schemas of MCP, which come with the conformance suite, to a folder: a
# <revision>.json each. Tests that are given that folder validate every message against them.
#
#   tests/conformance/schemas.sh <out-dir>
#
# Needs npm; install.sh says where the suite is kept.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: $0 <out-dir>" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
cache=$(bash "$here/install.sh")
mkdir -p "$1"
"$cache/node_modules/.bin/node" "$here/schemas.js" \
  "$cache/node_modules/@modelcontextprotocol/conformance/dist/index.js" "$1"
