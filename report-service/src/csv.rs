//! Cells of CSV files that no spreadsheet calculates.

/// Signs with which a formula begins (OWASP, "CSV Injection"), and what some programs take for them.
const SIGNS: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
/// What ends a cell, for one spreadsheet or another.
const SEPARATORS: [char; 6] = [',', ';', '|', '\t', '\r', '\n'];

/// A text in quotes (RFC 4180). Where it, or a part of it after what some spreadsheet takes for the end of a cell, would be
/// calculated, an apostrophe stands before that; a plain number with its sign stays as it is.
pub(crate) fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len() + 2);
    cell.push('"');
    let (mut rest, mut begins) = (text, true);
    while let Some(character) = rest.chars().next() {
        if begins && SIGNS.contains(&character) && !is_number(rest) {
            cell.push('\'');
        }
        // Text that begins with a tab or a line's end is calculated by some as if these were not there.
        if begins && cell.len() == 1 && matches!(character, '\t' | '\r' | '\n') {
            cell.push('\'');
        }
        // Spaces and quotes before a sign keep nobody from calculating.
        let is_blank = character.is_whitespace() || matches!(character, '"' | '\u{feff}');
        begins = SEPARATORS.contains(&character) || (begins && is_blank);
        if character == '"' {
            cell.push('"');
        }
        cell.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    cell.push('"');
    cell
}

/// Whether a number with its sign stands there up to the end of the cell: `-5`, `-1.5`, `+49`.
fn is_number(text: &str) -> bool {
    let ends = |c: char| matches!(c, ',' | ';' | '\t' | '\r' | '\n');
    let piece = text.split(ends).next().unwrap_or_default();
    // The last of a list that is written as JSON.
    let piece = piece.trim_end_matches([' ', ']', '}']);
    let Some(digits) = piece.strip_prefix(['-', '+']) else {
        return false;
    };
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|c| c.is_ascii_digit() || c == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        let check = |text: &str, expected: &str| {
            assert_eq!(cell(text), format!("\"{expected}\""), "{text:?}");
        };
        check("", "");
        check("main:alice", "main:alice");
        check("a,\"b\"\n", "a,\"\"b\"\"\n");
        check("plain = text", "plain = text");
        check("a=1", "a=1");
        for formula in [
            "=1+1",
            "+SUM(A1)",
            "-1+cmd|' /C calc'!A0",
            "--1",
            "-",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\nx",
            "＝1",
        ] {
            let guarded = cell(formula);
            assert!(guarded.starts_with("\"'"), "{formula:?}: {guarded}");
        }
        // Behind spaces and quotes, too.
        check("  =1", "  '=1");
        check("\"=1", "\"\"'=1");
        check("\u{feff}@x", "\u{feff}'@x");
        // Where another program begins a new cell.
        check("x;=1+1", "x;'=1+1");
        check("x,@SUM(A1);+cmd", "x,'@SUM(A1);'+cmd");
        check("x\t=1", "x\t'=1");
        check("x|=1", "x|'=1");
        check("x\n=1", "x\n'=1");
        check("x\r\n -cmd", "x\r\n '-cmd");
        check("x;\"=1", "x;\"\"'=1");
        check("x;y=1", "x;y=1");
    }

    #[test]
    fn numbers_with_their_sign_stay_what_they_are() {
        let check = |text: &str, guarded: bool| {
            let found = cell(text).contains('\'');
            assert_eq!(found, guarded, "{text:?}");
        };
        check("-5", false);
        check("-1.25", false);
        check("+49", false);
        check("-1,5", false);
        check("3;-4;+5", false);
        check("-5 ", false);
        check("[1,-5]", false);
        check("[1,-5]+A1", true);
        check("-5-A1", true);
        check("-5|x", true);
        check("-5e3", true);
        check("-.5", true);
        check("=5", true);
        check("3;-4+A1", true);
    }
}
