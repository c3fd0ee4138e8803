#!/usr/bin/env bash
# setup.sh [FOLDER]   Installs the pinned Node-RED beside this file (or what FOLDER's lock file pins). Quick when there.
set -euo pipefail
cd "${1:-$(dirname "$0")}"
# npm writes this file last, so it tells a whole installation from a broken one.
if [ node_modules/.package-lock.json -nt package-lock.json ]; then exit 0; fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "Node.js 18.5 or newer with npm is not installed, so there will be no Node-RED. hint: apt-get install nodejs npm" >&2
  exit 0
fi
npm ci --no-audit --no-fund --loglevel=error
