#!/usr/bin/env bash
# Lets web pages loose on a server in headless Chromium: one of an origin that is let in, one of an
# origin that is not, and one whose host name has been rebound to this machine.
#
#   tests/browser/run.sh <command that starts the conformance server>
#
# Needs node (20 or newer) and npm, and Chromium, which is installed where apt-get can do that.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 <command that starts the conformance server>" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)

if ! command -v chromium >/dev/null; then
  install=(apt-get install -y --no-install-recommends chromium)
  (sudo -n "${install[@]}" || "${install[@]}") >/dev/null 2>&1 || true
fi
if ! command -v chromium >/dev/null; then
  echo "skipped: there is no Chromium to try the server with, and it cannot be installed"
  exit
fi

js=$("$here/../interop/install_js.sh")
# Node looks for packages beside the importing file, so the pages are served from beside node_modules.
cp "$here"/*.mjs "$js/"
# So that packages resolve as in browsers.
exec node --conditions=browser "$js/browser.mjs" "$@"
