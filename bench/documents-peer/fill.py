"""fill.py docxtpl TASK FOLDER OUT: fills one document with docxtpl and prints {"cpu_ms", "peak_mib"}; tasks as in fill.js."""

import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent.parent / "tests/docx-oracle/packages"))

import docxtpl  # noqa: E402
from docx.shared import Mm  # noqa: E402

WARM_UP = 3
LETTERS = 50


def values(kind, task, folder, document):
    if kind == "pictures":
        files = sorted((folder / "pictures").iterdir())
        return {"rows": [{"picture": docxtpl.InlineImage(document, str(file), width=Mm(20))} for file in files]}
    return json.loads((folder / f"{'letter' if kind == 'letter' else task}.json").read_text())


def fill(kind, task, folder, out):
    document = docxtpl.DocxTemplate(folder / "docxtpl" / f"{kind}.docx")
    document.render(values(kind, task, folder, document), autoescape=True)
    document.save(out)


def peak_mib():
    """The highest resident memory since this program began: getrusage also holds that of whoever started it."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main(_engine, task, folder, out):
    folder = pathlib.Path(folder)
    kind = "table" if task.startswith("rows") else task.replace("letters", "letter")
    fill(kind, task, folder, out)
    spent = None
    if task == "letters":
        for _ in range(WARM_UP):
            fill(kind, task, folder, out)
        before = time.process_time()
        for _ in range(LETTERS):
            fill(kind, task, folder, out)
        spent = (time.process_time() - before) * 1000 / LETTERS
    print(json.dumps({"cpu_ms": spent or time.process_time() * 1000, "peak_mib": peak_mib()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
