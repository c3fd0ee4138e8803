#!/usr/bin/env bash
# setup.sh
# Brings docxtpl, pinned by the digests in requirements.txt, into packages/; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$here/packages/requirements.txt
if cmp -s "$here/requirements.txt" "$stamp"; then exit 0; fi
if ! python3 -m pip --version >/dev/null 2>&1; then
  echo "setup: python3 has no pip, so docxtpl cannot be fetched" >&2
  echo "hint: tests/testbed/install.sh brings it" >&2
  exit 1
fi
echo "setup: docxtpl"
work=$(mktemp -d --tmpdir="$here")
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --only-binary :all: --require-hashes \
  --target "$work" --requirement "$here/requirements.txt"
rm -rf "$here/packages"
cp "$here/requirements.txt" "$work/requirements.txt"
mv "$work" "$here/packages"
