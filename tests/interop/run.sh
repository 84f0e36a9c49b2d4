#!/usr/bin/env bash
# Runs the official MCP clients, old and new, against two running servers of this project:
# the conformance server, and the two_servers example (two MCP servers on one listener).
#
#   tests/interop/run.sh <conformance-url> <echo-url> <math-url> <command>...
#
# The command runs the conformance server over stdio.
#
# Needs python3 (3.11 or newer) with venv, node (20 or newer) and npm. The clients are installed once
# into target/interop, or into $INTEROP_CACHE, and again when a version file here changes.
set -euo pipefail

if [ $# -lt 4 ]; then
  echo "usage: $0 <conformance-url> <echo-url> <math-url> <command>..." >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
cache=${INTEROP_CACHE:-$here/../../target/interop}
python=${PYTHON:-python3}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)

# Each Python SDK gets a venv of its own: 1.x and 2.x are one package name. The version file is copied
# in last, so that an install that was cut short is done again. Wheels only: no package's setup.py runs.
install_python() {
  local versions=$here/$1.txt venv=$cache/$1
  cmp -s "$versions" "$venv/installed.txt" && return
  echo "installing $1"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$versions"
  cp "$versions" "$venv/installed.txt"
}

install_python python_mcp_1
install_python python_mcp_2
js=$("$here/install_js.sh")
# Node looks for packages beside the importing file, so the clients run from beside node_modules.
cp "$here"/*.mjs "$js/"

# All clients run, even after one failed: which ones fail says where to look.
export PYTHONDONTWRITEBYTECODE=1
failed=()
for client in python_mcp_1 python_mcp_2; do
  "$cache/$client/bin/python" "$here/$client.py" "$@" || failed+=("$client")
done
for client in js_sdk_1 js_client_2; do
  node "$js/$client.mjs" "$@" || failed+=("$client")
done

if [ ${#failed[@]} -ne 0 ]; then
  echo "interop: FAILED: ${failed[*]}" >&2
  exit 1
fi
echo "interop: all 4 clients ok"
