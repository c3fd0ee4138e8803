//! Starter templates: a whole report about one or more datasets, to be changed in Word.

mod cell;
pub(crate) mod styles;

use std::io::Write;

use docx_jinja::{RenderReport, Template, Value};
use docx_rs::{
    Docx, Footer, Header, NumPages, PageMargin, PageNum, PageOrientationType, Paragraph, Run, Tab,
    TabValueType, Table, TableCell, TableLayoutType, TableRow, WidthType,
};

use crate::BuildError;
use crate::mend;
use crate::shape::{DatasetShape, Field, FieldKind};
use cell::{is_right, weight};

/// A page of A4 in twentieths of a point, and the margin around its text.
const PAGE: (u32, u32) = (11_906, 16_838);
const MARGIN: u32 = 1_134;
/// From this many columns on a page lies on its side.
const COLUMNS_UPRIGHT: usize = 6;
/// Most columns of a table in a template; the others are for whoever needs them.
const COLUMNS_MAX: usize = 12;

/// A template that reports these datasets for each tenant: headings, a table with a column for each field, what is
/// missing and why, a header and a footer with page numbers.
///
/// It reads what a report supplies: `report`, `tenants` with each dataset under its key, and `missing`.
///
/// # Errors
/// When the document cannot be written.
pub fn starter_template(datasets: &[DatasetShape]) -> Result<Vec<u8>, BuildError> {
    let wide = datasets
        .iter()
        .any(|dataset| dataset.rows && dataset.fields.len() > COLUMNS_UPRIGHT);
    let mut document = styles::add(Docx::new())
        .created_at("2000-01-01T00:00:00Z")
        .updated_at("2000-01-01T00:00:00Z")
        .page_margin(PageMargin {
            top: MARGIN as i32,
            bottom: MARGIN as i32,
            left: MARGIN as i32,
            right: MARGIN as i32,
            header: 567,
            footer: 567,
            gutter: 0,
        });
    document = if wide {
        document
            .page_size(PAGE.1, PAGE.0)
            .page_orient(PageOrientationType::Landscape)
    } else {
        document.page_size(PAGE.0, PAGE.1)
    };
    let width = (if wide { PAGE.1 } else { PAGE.0 }) - 2 * MARGIN;
    document = document
        .header(Header::new().add_paragraph(text("{{ report.title }}").style("Header")))
        .footer(footer(width))
        .add_paragraph(text("{{ report.title }}").style("Title"))
        .add_paragraph(
            text("Made on {{ report.generated_at|datetime }} by {{ report.generated_by }}.")
                .style("Subtitle"),
        );
    for line in [
        "{%p for gap in missing %}",
        "No data of {{ gap.dataset }} from {{ gap.tenant }}: {{ gap.reason }}",
        "{%p endfor %}",
        "{%p for tenant in tenants %}",
    ] {
        document = document.add_paragraph(text(line));
    }
    document = document.add_paragraph(text("{{ tenant.title }}").style("Heading1").keep_next(true));
    for dataset in datasets {
        document = section(document, dataset, width as usize);
    }
    mend::package(document.add_paragraph(text("{%p endfor %}")))
}

/// The same report with no template to change: these datasets, filled with a report's values. Rows are written as they
/// come, so memory does not grow with them when the values are lazy.
///
/// # Errors
/// When a value is not what its schema says, or `out` does not take it.
pub fn plain_report(
    datasets: &[DatasetShape],
    values: Value,
    out: impl Write,
) -> Result<RenderReport, BuildError> {
    let template = Template::compile(&starter_template(datasets)?);
    let template = template.map_err(|error| BuildError(error.to_string()))?;
    let written = template.render(values, out);
    written.map_err(|error| BuildError(error.to_string()))
}

fn text(text: &str) -> Paragraph {
    Paragraph::new().add_run(Run::new().add_text(text))
}

fn footer(width: u32) -> Footer {
    let line = Paragraph::new()
        .style("Footer")
        .add_tab(Tab::new().val(TabValueType::Right).pos(width as usize))
        .add_run(
            Run::new()
                .add_text("{{ report.run_id }}")
                .add_tab()
                .add_text("Page "),
        )
        .add_page_num(PageNum::new())
        .add_run(Run::new().add_text(" of "))
        .add_num_pages(NumPages::new());
    Footer::new().add_paragraph(line)
}

/// One dataset of a tenant.
fn section(document: Docx, dataset: &DatasetShape, width: usize) -> Docx {
    let here = format!("tenant.{}", dataset.key);
    let mut document = document
        .add_paragraph(text(&dataset.title).style("Heading2").keep_next(true))
        .add_paragraph(text(&dataset.description).keep_next(true))
        .add_paragraph(text(&format!("{{%p if {here}.state == \"ok\" %}}")));
    document = if dataset.rows {
        let count = format!(
            "{{{{ {here}.count|number }}}} rows, as of {{{{ {here}.captured_at|datetime }}}}."
        );
        document
            .add_paragraph(text(&count).style("Caption").keep_next(true))
            .add_table(rows(dataset, &here, width))
            .add_paragraph(chart(dataset, &here))
    } else {
        let age = format!("As of {{{{ {here}.captured_at|datetime }}}}.");
        document
            .add_paragraph(text(&age).style("Caption").keep_next(true))
            .add_table(members(dataset, &here, width))
    };
    document
        .add_paragraph(text("{%p else %}"))
        .add_paragraph(text(&format!("No data: {{{{ {here}.reason }}}}.")))
        .add_paragraph(text("{%p endif %}"))
}

/// How often each of its first choices occurs; an empty line where nothing is chosen or there are no rows.
fn chart(dataset: &DatasetShape, here: &str) -> Paragraph {
    let is_choice = |field: &&Field| matches!(field.kind, FieldKind::Choice(_)) && !field.optional;
    let Some(field) = dataset.fields.iter().find(is_choice) else {
        return Paragraph::new();
    };
    let (name, title) = (&field.name, field.title.replace('"', "'"));
    text(&format!(
        "{{% if {here}.count %}}{{{{ ({here}.rows|tally(\"{name}\"))[\"{name}\"].of|items\
         |chart(\"column\", title=\"{title}\", width=\"12cm\", height=\"6cm\") }}}}{{% endif %}}"
    ))
}

/// A row of titles, and one for each row of the data.
fn rows(dataset: &DatasetShape, here: &str, width: usize) -> Table {
    let fields: Vec<&Field> = dataset.fields.iter().take(COLUMNS_MAX).collect();
    let whole: u64 = fields.iter().map(|field| weight(field)).sum();
    let widths: Vec<usize> = fields
        .iter()
        .map(|field| (width as u64 * weight(field) / whole.max(1)) as usize)
        .collect();
    let titles = fields
        .iter()
        .zip(&widths)
        .map(|(field, width)| styles::heading_cell(aligned(text(&field.title), field), *width));
    let values = fields
        .iter()
        .zip(&widths)
        .map(|(field, width)| styles::cell(aligned(text(&cell::tag("row", field)), field), *width));
    let statement = |tag: &str| {
        let holder = TableCell::new()
            .grid_span(fields.len().max(1))
            .add_paragraph(text(tag).style("TableText"));
        TableRow::new(vec![holder])
    };
    let rows = vec![
        TableRow::new(titles.collect()).cant_split(),
        statement(&format!("{{%tr for row in {here}.rows %}}")),
        TableRow::new(values.collect()),
        statement("{%tr endfor %}"),
    ];
    table(rows, widths, width)
}

/// A line for each member of a document.
fn members(dataset: &DatasetShape, here: &str, width: usize) -> Table {
    let widths = vec![width / 3, width - width / 3];
    let base = format!("{here}.rows");
    let lines = dataset.fields.iter().map(|field| {
        TableRow::new(vec![
            styles::heading_cell(text(&field.title), widths[0]),
            styles::cell(text(&cell::tag(&base, field)), widths[1]),
        ])
    });
    table(lines.collect(), widths.clone(), width)
}

fn table(rows: Vec<TableRow>, widths: Vec<usize>, width: usize) -> Table {
    Table::new(rows)
        .style("ReportTable")
        // docx-rs draws black lines where nothing is said.
        .set_borders(styles::borders())
        .set_grid(widths)
        .width(width, WidthType::Dxa)
        .layout(TableLayoutType::Fixed)
}

fn aligned(paragraph: Paragraph, field: &Field) -> Paragraph {
    if is_right(field) {
        paragraph.align(docx_rs::AlignmentType::Right)
    } else {
        paragraph
    }
}
