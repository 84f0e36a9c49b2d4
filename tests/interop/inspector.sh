#!/usr/bin/env bash
# Runs the command line of MCP Inspector against a running server that lets in only who has a token,
# the example `protected`: with a token, without one, and with one that nobody has.
#
#   tests/interop/inspector.sh <url>
#
# Needs npm; install_js.sh says where Inspector is kept.
set -euo pipefail

if [ $# -ne 1 ]; then
  echo "usage: $0 <url>" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
js=$("$here/install_js.sh")
# Inspector wants Node 22, which the conformance suite brings along.
node=$("$here/../conformance/install.sh")/node_modules/.bin/node

# It remembers tokens in the home of whoever runs it: those must not help here, nor may they change.
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

# Node looks for packages beside the importing file, so it runs from beside node_modules.
cp "$here"/*.mjs "$js/"
HOME=$home "$node" "$js/inspector.mjs" "$1"
echo "inspector: ok"
