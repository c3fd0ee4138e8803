"""Fills templates with docxtpl: `render.py FOLDER VALUES`, for every FOLDER/*.docx a FOLDER/docxtpl/*.docx.

Reads only files; prints one JSON object of failures by template. Filters that docx-jinja has of its own are given to docxtpl
the way its users do it, as functions of the host.
"""

import datetime
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "packages"))

import docxtpl  # noqa: E402
import jinja2  # noqa: E402


def number(value, digits=0):
    return f"{value:,.{digits}f}"


def date(value, pattern):
    return datetime.datetime.fromisoformat(value).strftime(pattern)


def size(value):
    for unit in ["B", "KB", "MB", "GB"]:
        if value < 1024:
            return f"{value:.{0 if unit == 'B' else 1}f} {unit}"
        value /= 1024
    return f"{value:.1f} TB"


def duration(seconds):
    return f"{seconds // 3600} h {seconds % 3600 // 60:02} min"


def percent(value, of):
    return f"{value / of * 100:.0f} %"


def environment():
    made = jinja2.Environment(autoescape=True)
    made.filters.update(number=number, date=date, bytes=size, duration=duration, percent=percent)
    return made


def fill(template, values, output):
    document = docxtpl.DocxTemplate(template)
    document.render(values, environment(), autoescape=True)
    document.save(output)


def main(folder, values):
    folder = pathlib.Path(folder)
    values = json.loads(pathlib.Path(values).read_text())
    filled = folder / "docxtpl"
    filled.mkdir()
    failures = {}
    for template in sorted(folder.glob("*.docx")):
        try:
            fill(template, values, filled / template.name)
        except Exception as error:
            failures[template.stem] = f"{type(error).__name__}: {error}"
    print(json.dumps(failures))


if __name__ == "__main__":
    main(*sys.argv[1:])
