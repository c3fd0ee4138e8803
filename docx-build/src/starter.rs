//! Starter templates: a whole report about one or more datasets, to be changed in Word.

mod cell;
pub(crate) mod styles;

use docx_rs::{
    Docx, Footer, Header, LineSpacing, NumPages, PageMargin, PageNum, PageOrientationType,
    Paragraph, Run, Tab, TabValueType, Table, TableCell, TableLayoutType, TableRow, WidthType,
};

use crate::BuildError;
use crate::mend;
use crate::shape::{DatasetShape, Field, FieldKind};
use cell::{is_right, least, wanted};

/// A page of A4 in twentieths of a point, and the margin around its text.
const PAGE: (u32, u32) = (11_906, 16_838);
const MARGIN: u32 = 1_134;
/// From this many columns on a page lies on its side.
const COLUMNS_UPRIGHT: usize = 6;
/// Most columns of a table in a template; the others are for whoever needs them.
const COLUMNS_MAX: usize = 12;
/// What stands free between a table and its chart, in twentieths of a point.
const CHART_GAP: u32 = 240;

/// A template that reports these datasets for each tenant: headings, a table with a column for each field, what is
/// missing and why, a header and a footer with page numbers.
///
/// It reads what a report supplies: `report`, `tenants` with each dataset under its key, and `missing`.
///
/// # Errors
/// When the document cannot be written.
pub fn starter_template(datasets: &[DatasetShape]) -> Result<Vec<u8>, BuildError> {
    let upright = (PAGE.0 - 2 * MARGIN) as usize;
    let wide = datasets.iter().any(|dataset| {
        let all = dataset.fields.len().min(COLUMNS_MAX);
        let have_place = columns(&dataset.fields, upright).0.len();
        dataset.rows && (all > COLUMNS_UPRIGHT || have_place < all)
    });
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
            "{{{{ {here}.count|number }}}} {{{{ \"row\" if {here}.count == 1 else \"rows\" }}}}, \
             as of {{{{ {here}.captured_at|datetime }}}}."
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

/// How often each of its first choices occurs; an empty line where there is nothing to compare.
fn chart(dataset: &DatasetShape, here: &str) -> Paragraph {
    let is_choice = |field: &&Field| matches!(field.kind, FieldKind::Choice(_)) && !field.optional;
    let Some(field) = dataset.fields.iter().find(is_choice) else {
        return Paragraph::new();
    };
    let (name, title) = (&field.name, field.title.replace('"', "'"));
    let chart = text(&format!(
        "{{% if {here}.count %}}{{% set chosen = ({here}.rows|tally(\"{name}\"))[\"{name}\"].of %}}\
         {{% if chosen|length > 1 %}}{{{{ chosen|items\
         |chart(\"column\", title=\"{title}\", width=\"12cm\", height=\"6cm\") }}}}{{% endif %}}{{% endif %}}"
    ));
    chart.line_spacing(LineSpacing::new().before(CHART_GAP))
}

/// A row of titles, and one for each row of the data.
fn rows(dataset: &DatasetShape, here: &str, width: usize) -> Table {
    let (fields, widths) = columns(&dataset.fields, width);
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
        TableRow::new(values.collect()).cant_split(),
        statement("{%tr endfor %}"),
    ];
    table(rows, widths, width)
}

/// The first columns that have place beside each other, and how wide they are: as wide as the longest word of the title
/// takes, and what is left by what they hold.
fn columns(fields: &[Field], width: usize) -> (Vec<&Field>, Vec<usize>) {
    let least = |field: &Field| least(field).min(width);
    let more = |field: &Field| wanted(field).saturating_sub(least(field)).max(1);
    let mut taken = 0;
    let fits = |field: &&Field| {
        taken += least(field);
        taken <= width
    };
    let fields: Vec<&Field> = fields.iter().take(COLUMNS_MAX).take_while(fits).collect();
    let spare = width.saturating_sub(fields.iter().map(|field| least(field)).sum());
    let whole: usize = fields.iter().map(|field| more(field)).sum();
    let share = |field: &&Field| least(field) + spare * more(field) / whole.max(1);
    let widths = fields.iter().map(share).collect();
    (fields, widths)
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
