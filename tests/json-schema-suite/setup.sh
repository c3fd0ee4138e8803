#!/usr/bin/env bash
# setup.sh
# Brings the official JSON-Schema-Test-Suite, pinned by the digest in requirements.txt, into suite/; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$here/suite/requirements.txt
if cmp -s "$here/requirements.txt" "$stamp"; then exit 0; fi
if ! command -v pip3 >/dev/null; then
  echo "setup: pip3 is not installed, so the JSON Schema test suite cannot be fetched" >&2
  echo "hint: tests/testbed/install.sh brings it" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "setup: the JSON Schema test suite"
pip3 download --quiet --disable-pip-version-check --no-deps --no-binary jsonschema --require-hashes \
  --dest "$work" --requirement "$here/requirements.txt"
tar -xzf "$work"/jsonschema-*.tar.gz -C "$work" --strip-components=1 --wildcards \
  '*/json/tests/draft2020-12' '*/json/remotes' '*/json/LICENSE'
rm -rf "$here/suite"
mv "$work/json" "$here/suite"
cp "$here/requirements.txt" "$stamp"
