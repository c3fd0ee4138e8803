#!/usr/bin/env bash
# setup.sh
# Brings openxml-audit, pinned by the digests in requirements.txt, into packages/; quick when it is there.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
exec "$here/../pinned-packages.sh" "$here" openxml-audit
