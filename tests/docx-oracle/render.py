"""Fills templates with docxtpl: `render.py FOLDER VALUES`, for every FOLDER/*.docx a FOLDER/docxtpl/*.docx.

Reads only files; prints one JSON object of failures by template. Filters that docx-jinja has of its own are given to docxtpl
the way its users do it, as functions of the host.
"""

import datetime
import io
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "packages"))

import docxtpl  # noqa: E402
import jinja2  # noqa: E402
import templates  # noqa: E402
from docx.shared import Cm  # noqa: E402


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


def rich_text(pieces, document):
    made = docxtpl.RichText()
    for piece in pieces:
        look = dict(piece)
        text = look.pop("text")
        if "colour" in look:
            look["color"] = look.pop("colour")
        if "size" in look:
            look["size"] = look["size"] * 2
        if "url" in look:
            look["url_id"] = document.build_url_id(look.pop("url"))
        made.add(text, **look)
    return made


class Inserted:
    """A sub-document that comes into being where it is printed: docxtpl takes its pictures over as soon as there is one."""

    def __init__(self, document, name):
        self.document, self.name = document, name

    def __html__(self):
        drawn = io.BytesIO(templates.draw(templates.DOCUMENTS[self.name]))
        return self.document.new_subdoc(drawn).__html__()


def typed(value, document):
    """The same values with pictures and rich text where the JSON describes them."""
    if isinstance(value, list):
        return [typed(item, document) for item in value]
    if not isinstance(value, dict):
        return value
    if "$picture" in value:
        return docxtpl.InlineImage(document, str(HERE / value["$picture"]), width=Cm(value["width_cm"]))
    if "$document" in value:
        return Inserted(document, value["$document"])
    if "$rich" in value:
        return rich_text(value["$rich"], document)
    return {key: typed(item, document) for key, item in value.items()}


def fill(template, values, output):
    document = docxtpl.DocxTemplate(template)
    document.init_docx()
    document.render_init()
    document.allow_missing_pics = True
    document.replace_pic("stamp", str(HERE / "blue.png"))
    document.render(typed(values, document), environment(), autoescape=True)
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
