//! The workbook inside a chart: a small .xlsx package of one sheet, so that "Edit data" in Word shows the numbers
//! that the chart shows.

use std::io::{Cursor, Write};

use zip::CompressionMethod;
use zip::result::ZipError;
use zip::write::{SimpleFileOptions, ZipWriter};

use crate::chart::Cell;
use crate::escape::{self, Style};

/// The content type of the workbook's package.
pub(crate) const CONTENT_TYPE: &str =
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
/// The name of its only sheet.
pub(crate) const SHEET: &str = "Sheet1";

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const TYPES: &str = r#"<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/></Types>"#;
const RELATIONSHIPS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const WORKBOOK: &str = r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>"#;
const WORKBOOK_RELATIONSHIPS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>"#;
/// Two cell formats: general, and the reader's own short date (ECMA-376 part 1, §18.8.30, id 14).
const STYLES: &str = r#"<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#;
const DATE_STYLE: &str = " s=\"1\"";

/// One column: a header in the first row, cells below it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) header: String,
    pub(crate) cells: Vec<Cell>,
    /// Its numbers are days.
    pub(crate) dates: bool,
}

/// The table behind a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Sheet {
    pub(crate) columns: Vec<Column>,
}

impl Sheet {
    /// The cell above a column: `Sheet1!$B$1`.
    pub(crate) fn header(&self, column: usize) -> String {
        format!("{SHEET}!${}$1", letters(column))
    }

    /// The cells of a column: `Sheet1!$B$2:$B$13`.
    pub(crate) fn range(&self, column: usize) -> String {
        let count = self.columns.get(column).map_or(0, |c| c.cells.len());
        let (letters, last) = (letters(column), count.max(1) + 1);
        if last == 2 {
            format!("{SHEET}!${letters}$2")
        } else {
            format!("{SHEET}!${letters}$2:${letters}${last}")
        }
    }

    /// The bytes of a workbook with this sheet.
    ///
    /// # Errors
    /// None that memory would not have met first.
    pub(crate) fn workbook(&self) -> Result<Vec<u8>, ZipError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default());
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        let sheet = self.xml();
        for (name, text) in [
            ("[Content_Types].xml", TYPES),
            ("_rels/.rels", RELATIONSHIPS),
            ("xl/workbook.xml", WORKBOOK),
            ("xl/_rels/workbook.xml.rels", WORKBOOK_RELATIONSHIPS),
            ("xl/styles.xml", STYLES),
            ("xl/worksheets/sheet1.xml", &sheet),
        ] {
            writer.start_file(name, options)?;
            writer.write_all(HEAD.as_bytes())?;
            writer.write_all(text.as_bytes())?;
        }
        Ok(writer.finish()?.into_inner())
    }

    fn xml(&self) -> String {
        let mut xml = String::from(
            r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
        );
        let rows = self.columns.iter().map(|c| c.cells.len()).max();
        for row in 0..=rows.unwrap_or(0) {
            xml.push_str(&format!("<row r=\"{}\">", row + 1));
            for (index, column) in self.columns.iter().enumerate() {
                let name = format!("{}{}", letters(index), row + 1);
                match row.checked_sub(1) {
                    None => text(&mut xml, &name, &column.header),
                    Some(at) => cell(&mut xml, &name, column, at),
                }
            }
            xml.push_str("</row>");
        }
        xml + "</sheetData></worksheet>"
    }
}

fn cell(xml: &mut String, name: &str, column: &Column, at: usize) {
    match column.cells.get(at) {
        None | Some(Cell::Empty) => {}
        Some(Cell::Text(value)) => text(xml, name, value),
        Some(Cell::Number(number)) => {
            let style = if column.dates { DATE_STYLE } else { "" };
            xml.push_str(&format!("<c r=\"{name}\"{style}><v>{number}</v></c>"));
        }
    }
}

/// Text stands in the sheet itself and is never a formula.
fn text(xml: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    xml.push_str(&format!(
        "<c r=\"{name}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">"
    ));
    xml.push_str(&escape::made(value, Style::Plain));
    xml.push_str("</t></is></c>");
}

/// A column's letters: A, B, …, Z, AA.
fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        letters.push(b'A' + ((rest - 1) % 26) as u8);
        rest = (rest - 1) / 26;
    }
    letters
        .iter()
        .rev()
        .map(|&letter| char::from(letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::{Column, Sheet, letters};
    use crate::chart::Cell;

    fn sheet() -> Sheet {
        let column = |header: &str, cells, dates| Column {
            header: header.to_owned(),
            cells,
            dates,
        };
        Sheet {
            columns: vec![
                column("", vec![Cell::Number(46_000.0), Cell::Empty], true),
                column(
                    "a<b>\u{1}",
                    vec![Cell::Number(1.5), Cell::Text("=1+1".to_owned())],
                    false,
                ),
            ],
        }
    }

    #[test]
    fn columns_have_letters() {
        let check = |column, expected: &str| assert_eq!(letters(column), expected, "{column}");
        check(0, "A");
        check(25, "Z");
        check(26, "AA");
        check(51, "AZ");
        check(52, "BA");
        check(701, "ZZ");
        check(702, "AAA");
    }

    #[test]
    fn ranges_name_the_cells() {
        let sheet = sheet();
        assert_eq!(sheet.header(1), "Sheet1!$B$1");
        assert_eq!(sheet.range(1), "Sheet1!$B$2:$B$3");
        assert_eq!(Sheet::default().range(0), "Sheet1!$A$2");
    }

    #[test]
    fn the_workbook_holds_the_table() {
        let bytes = sheet().workbook().unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut xml = String::new();
        let mut part = archive.by_name("xl/worksheets/sheet1.xml").unwrap();
        part.read_to_string(&mut xml).unwrap();
        let (_, rows) = xml.split_once("<sheetData>").unwrap();
        let text = |name: &str, text: &str| {
            format!(
                "<c r=\"{name}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>"
            )
        };
        assert_eq!(
            rows,
            format!(
                "<row r=\"1\">{}</row><row r=\"2\"><c r=\"A2\" s=\"1\"><v>46000</v></c>\
                 <c r=\"B2\"><v>1.5</v></c></row><row r=\"3\">{}</row></sheetData></worksheet>",
                text("B1", "a&lt;b&gt;"),
                text("B3", "=1+1"),
            )
        );
    }
}
