//! Numbering of Markdown's lists: theirs alone, whatever lists the template has.

use minijinja::Error;

use crate::additions;
use crate::numbering;

/// Levels of a list (`w:ilvl`, 0 to 8).
const LEVELS: u32 = 9;
/// How far each level stands in, in twentieths of a point.
pub(super) const STEP: u32 = 720;
/// How far its number or bullet stands out.
const HANGING: u32 = 360;

/// The list of all bullets.
pub(super) fn bullets() -> Result<u32, Error> {
    additions::remembered("bullets", || {
        numbering::define(
            &levels(|level| {
                let sign = ["\u{2022}", "\u{25e6}", "\u{25aa}"][level as usize % 3];
                ("bullet", sign.to_owned(), 1)
            }),
            "",
        )
    })
}

/// A new numbered list that begins with this number.
pub(super) fn numbers(start: u64) -> Result<u32, Error> {
    let define = |start| {
        numbering::define(
            &levels(|level| {
                let format = ["decimal", "lowerLetter", "lowerRoman"][level as usize % 3];
                (format, format!("%{}.", level + 1), start)
            }),
            "",
        )
    };
    if start != 1 {
        return define(u32::try_from(start).unwrap_or(1).min(32_767));
    }
    let mut new = false;
    let first = additions::remembered("numbers", || {
        new = true;
        define(1)
    })?;
    if new {
        Ok(first)
    } else {
        numbering::again(first)
    }
}

fn levels(level: impl Fn(u32) -> (&'static str, String, u32)) -> String {
    let mut out = "<w:multiLevelType w:val=\"hybridMultilevel\"/>".to_owned();
    for at in 0..LEVELS {
        let (format, sign, start) = level(at);
        let left = STEP * (at + 1);
        out.push_str(&format!(
            "<w:lvl w:ilvl=\"{at}\"><w:start w:val=\"{start}\"/><w:numFmt w:val=\"{format}\"/>\
             <w:lvlText w:val=\"{sign}\"/><w:lvlJc w:val=\"left\"/>\
             <w:pPr><w:ind w:left=\"{left}\" w:hanging=\"{HANGING}\"/></w:pPr></w:lvl>"
        ));
    }
    out
}

/// The level of a list inside so many others.
pub(super) fn level(depth: usize) -> u32 {
    u32::try_from(depth).unwrap_or(LEVELS).min(LEVELS - 1)
}
