"""check.py FOLDER: what is wrong with the documents of a folder by the rules of Microsoft's Open XML SDK, which hold the
schemas of ECMA-376. For NAME.after.docx only what NAME.before.docx does not have is told. Prints {name: [fault, ...]}."""

import json
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "packages"))

from openxml_audit import OpenXmlValidator  # noqa: E402

AFTER = ".after.docx"
BEFORE = ".before.docx"


def faults(path):
    if not path.exists():
        return set()
    errors = OpenXmlValidator(max_errors=0).validate(path).errors
    return {f"{error.part_uri}: {error.description}" for error in errors if error.severity.value == "error"}


def new_faults(path):
    before = path.with_name(path.name.removesuffix(AFTER) + BEFORE)
    return path.name.removesuffix(AFTER), sorted(faults(path) - faults(before))


def main():
    documents = sorted(Path(sys.argv[1]).glob("*" + AFTER))
    with ProcessPoolExecutor(max_workers=2) as pool:
        found = dict(pool.map(new_faults, documents, chunksize=8))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
