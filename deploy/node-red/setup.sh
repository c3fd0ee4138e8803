#!/usr/bin/env bash
# setup.sh [FOLDER]...
# Installs the npm packages of each folder (this one by default) from its lock file; quick when they are there. Without
# Node.js it says so and leaves it at that: the demonstration then uses a source of its own.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- "$here"
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "setup: Node.js is not installed, so there will be no Node-RED" >&2
  echo "hint: tests/testbed/install.sh brings it" >&2
  exit 0
fi
for folder in "$@"; do
  # npm copies the lock file there last; an older copy means that the lock file has changed since.
  installed=$folder/node_modules/.package-lock.json
  if [ -e "$installed" ] && [ ! "$folder/package-lock.json" -nt "$installed" ]; then continue; fi
  echo "setup: npm ci in $folder"
  (cd "$folder" && npm ci --no-audit --no-fund --omit=dev)
done
