"""Draws templates with python-docx: `templates.py FOLDER` writes one file for each of ALL;
`templates.py --document NAME` prints one of DOCUMENTS, which are inserted into templates."""

import io
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "packages"))

import docx  # noqa: E402
from docx.enum.section import WD_ORIENT  # noqa: E402
from docx.enum.text import WD_ALIGN_PARAGRAPH  # noqa: E402
from docx.shared import Cm, Pt, RGBColor  # noqa: E402

PICTURE = HERE / "blue.png"


def letter(document):
    document.add_heading("{{ report.title }}", 0)
    document.add_paragraph("Dear {{ customer.contact }},")
    text = document.add_paragraph("in {{ report.period }} we looked after ")
    text.add_run("{{ devices|length }} devices").bold = True
    text.add_run(" of ")
    text.add_run("{{ customer.name }}").italic = True
    text.add_run(".")
    document.add_paragraph("{% if no %}Nothing to do.{% else %}Please call {{ contacts.phone }}.{% endif %}")
    document.add_page_break()
    document.add_paragraph("{{ lines }}")


def invoice(document):
    table = document.add_table(rows=1, cols=3, style="Light Grid Accent 1")
    for cell, text in zip(table.rows[0].cells, ["Device", "Owner", "Size"]):
        cell.text = text
    for texts in [
        ["{%tr for d in devices %}", "", ""],
        ["{{ d.hostname }}", "{{ d.owner }}", "{{ d.size_gb }} GB"],
        ["{%tr endfor %}", "", ""],
        ["Sum", "", "{{ devices|sum(attribute='size_gb') }} GB"],
    ]:
        for cell, text in zip(table.add_row().cells, texts):
            cell.text = text
    table.rows[2].cells[2].paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT


def lists(document):
    for section_style, item_style in [("Heading 1", "List Number"), ("Heading 2", "List Bullet")]:
        document.add_paragraph("{%p for s in sections %}")
        document.add_paragraph("{{ s.title }}", section_style)
        document.add_paragraph("{%p for i in s['items'] %}")
        document.add_paragraph("{{ i }}", item_style)
        document.add_paragraph("{%p endfor %}")
        document.add_paragraph("{%p endfor %}")


def edges(document):
    section = document.sections[0]
    section.different_first_page_header_footer = True
    section.header.paragraphs[0].text = "{{ customer.name }}\t{{ report.period }}"
    section.header.paragraphs[0].add_run().add_picture(str(PICTURE), width=Cm(1))
    section.first_page_header.paragraphs[0].text = "First: {{ customer.city }}"
    section.footer.paragraphs[0].text = "{% for m in months %}{{ m }} {% endfor %}"
    document.add_paragraph("{{ count }}")
    document.add_page_break()
    document.add_paragraph("{{ customer.city }}")


def landscape(document):
    document.add_paragraph("Upright {{ count }}")
    section = document.add_section()
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = section.page_height, section.page_width
    section.header.is_linked_to_previous = False
    section.header.paragraphs[0].text = "wide: {{ report.number }}"
    document.add_paragraph("Wide {{ customer.city }}")


def merged(document):
    table = document.add_table(rows=3, cols=3, style="Table Grid")
    table.cell(0, 0).merge(table.cell(0, 2)).text = "{{ report.title }} of {{ customer.name }}"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "{{ customer.city }}"
    table.cell(1, 1).text = "{{ months[0] }}"
    table.cell(2, 2).text = "{{ months[2] }}"
    inner = table.cell(1, 2).add_table(rows=3, cols=1)
    for row, text in zip(inner.rows, ["{%tr for m in months %}", "{{ m }}", "{%tr endfor %}"]):
        row.cells[0].text = text
    table.cell(1, 2).add_paragraph("below")


def looks(document):
    paragraph = document.add_paragraph(style="Intense Quote")
    for text, look in [("{{ cus", "bold"), ("tomer.ci", "italic"), ("ty }} in ", "underline"), ("{{ report.period }}", None)]:
        run = paragraph.add_run(text)
        if look:
            setattr(run, look, True)
    run = paragraph.add_run(" {{ count }} big")
    run.font.size = Pt(20)
    run.font.color.rgb = RGBColor(0x33, 0x66, 0x99)


def pictures(document):
    document.add_paragraph("{%p for d in devices if d.online %}")
    document.add_paragraph("{{ d.hostname }} ").add_run().add_picture(str(PICTURE), width=Cm(2))
    document.add_paragraph("{%p endfor %}")
    document.add_picture(str(PICTURE), width=Cm(3))


def properties(document):
    core = document.core_properties
    core.title = "{{ report.title }}"
    core.subject = "{{ customer.name }}"
    core.author = "{{ customer.contact }}"
    core.comments = "{{ months|join(' ') }}"
    document.add_paragraph("{{ count }}")


def annex(document):
    document.add_heading("Annex & more", 1)
    document.add_paragraph("A paragraph of the inserted document, ").add_run("partly bold").bold = True
    document.add_paragraph("a point", "List Bullet")
    table = document.add_table(rows=2, cols=2, style="Table Grid")
    for at, cell in enumerate(cell for row in table.rows for cell in row.cells):
        cell.text = f"cell {at}"
    document.add_picture(str(PICTURE), width=Cm(1))


def draw(function):
    """A finished document as bytes."""
    document = docx.Document()
    function(document)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


DOCUMENTS = {"annex": annex}
ALL = [letter, invoice, lists, edges, landscape, merged, looks, pictures, properties]


def main(folder):
    for function in ALL:
        (pathlib.Path(folder) / f"{function.__name__}.docx").write_bytes(draw(function))


if __name__ == "__main__":
    if sys.argv[1] == "--document":
        sys.stdout.buffer.write(draw(DOCUMENTS[sys.argv[2]]))
    else:
        main(*sys.argv[1:])
