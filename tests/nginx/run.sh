#!/usr/bin/env bash
# Puts nginx in front of a server, as docs/deploy.md says and with nothing but `proxy_pass`, and
# checks that streams flow, and that a client which leaves is noticed.
#
#   tests/nginx/run.sh <command that starts the conformance server>
#
# Needs python3, and nginx, which is installed where apt-get can do that. It runs on free ports, with
# all its files below target/ci/nginx or $NGINX_PREFIX.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 <command that starts the conformance server>" >&2
  exit 2
fi

here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin

if ! command -v nginx >/dev/null; then
  # Debian starts what it installs, but not in the runlevel of repairs.
  install=(env RUNLEVEL=1 apt-get install -y --no-install-recommends nginx-light)
  (sudo -n "${install[@]}" || "${install[@]}") >/dev/null 2>&1 || true
fi
if ! command -v nginx >/dev/null; then
  echo "skipped: there is no nginx to put in front of a server, and it cannot be installed"
  exit
fi

prefix=${NGINX_PREFIX:-$here/../../target/ci/nginx}
mkdir -p "$prefix"
exec python3 "$here/proxied.py" "$(cd "$prefix" && pwd)" "$@"
