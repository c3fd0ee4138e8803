#!/usr/bin/env bash
# pinned-packages.sh FOLDER NAME
# Brings the Python packages that FOLDER/requirements.txt pins by digests into FOLDER/packages; quick when they are there.
# NAME is what they are for.
set -euo pipefail
folder=$(cd "$1" && pwd)
name=$2
if cmp -s "$folder/requirements.txt" "$folder/packages/requirements.txt"; then exit 0; fi
if ! python3 -m pip --version >/dev/null 2>&1; then
  echo "setup: python3 has no pip, so $name cannot be fetched" >&2
  echo "hint: tests/testbed/install.sh brings it" >&2
  exit 1
fi
echo "setup: $name"
work=$folder/packages.$$
mkdir "$work"
trap 'rm -rf "$work"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --only-binary :all: --require-hashes \
  --target "$work" --requirement "$folder/requirements.txt"
rm -rf "$folder/packages"
cp "$folder/requirements.txt" "$work/requirements.txt"
mv "$work" "$folder/packages"
