#!/usr/bin/env bash
# pictures.sh
# Makes the pictures of docs/TEMPLATES.md anew, from the templates that its test fills. Needs LibreOffice and poppler-utils.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$here/../.." && GUIDE_FOLDER=$work cargo test --quiet --package docx-build --test guide)
soffice "-env:UserInstallation=file://$work/profile" --headless --convert-to pdf --outdir "$work" "$work"/*.docx >/dev/null
grep -o 'templates/[a-z]*-[a-z]*\.png' "$here/../TEMPLATES.md" | sort -u | while read -r picture; do
  name=$(basename "$picture" .png)
  pages=$(pdfinfo "$work/$name.pdf" | sed -n 's/^Pages: *//p')
  if [ "$pages" != 1 ]; then
    echo "pictures.sh: $name has $pages pages, and a picture shows the first alone; mend fn height in docx-build/tests/guide/page.rs" >&2
    exit 1
  fi
  pdftoppm -r 84 -png -singlefile "$work/$name.pdf" "$here/$name"
done
