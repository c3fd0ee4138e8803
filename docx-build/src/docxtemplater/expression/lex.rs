//! Words and signs of an expression.

/// One word or sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    Name(String),
    Text(String),
    Number(String),
    Operator(&'static str),
}

impl Sign {
    /// For an error message.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Name(text) | Self::Number(text) => text.clone(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Operator(text) => (*text).to_owned(),
        }
    }
}

/// Longest first, so that `==` is not read as two `=`.
const OPERATORS: &[&str] = &[
    "===", "!==", "==", "!=", "<=", ">=", "&&", "||", "!", "<", ">", "+", "-", "*", "/", "%", "?",
    ":", ".", ",", "(", ")", "[", "]", "|", "=",
];

pub(super) fn lex(text: &str) -> Result<Vec<Sign>, String> {
    let mut signs = Vec::new();
    let text: String = text.chars().map(straight).collect();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_digit() {
            let length = length_of(rest, |c| c.is_ascii_digit() || c == '.');
            signs.push(Sign::Number(rest[..length].to_owned()));
            length
        } else if first.is_alphabetic() || matches!(first, '_' | '$') {
            let length = length_of(rest, |c| c.is_alphanumeric() || matches!(c, '_' | '$'));
            signs.push(Sign::Name(rest[..length].to_owned()));
            length
        } else if matches!(first, '"' | '\'') {
            let (text, length) = quoted(rest, first)?;
            signs.push(Sign::Text(text));
            length
        } else {
            let found = OPERATORS
                .iter()
                .find(|operator| rest.starts_with(**operator));
            let operator = found.ok_or_else(|| format!("`{first}` has no meaning here"))?;
            signs.push(Sign::Operator(operator));
            operator.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(signs)
}

/// Undoes what Word's autocorrection does to quotes.
fn straight(c: char) -> char {
    match c {
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' => '"',
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' => '\'',
        '\u{a0}' => ' ',
        other => other,
    }
}

fn length_of(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

fn quoted(text: &str, quote: char) -> Result<(String, usize), String> {
    let mut inner = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => inner.push('\n'),
                Some((_, 't')) => inner.push('\t'),
                Some((_, other)) => inner.push(other),
                None => break,
            },
            c if c == quote => return Ok((inner, at + 1)),
            c => inner.push(c),
        }
    }
    Err("a quote is never closed".to_owned())
}
