//! Output becomes lines that can be kept and shown: cut, without control characters, without secrets. Pure.

use zeroize::Zeroizing;

/// Bytes of a line that are kept.
const LINE_BYTES_MAX: usize = 4_096;
/// Shorter texts are no secrets: taking them out of every line would leave nothing to read.
const SECRET_BYTES_MIN: usize = 8;
/// In the place of a secret.
const MASKED: &str = "***";
/// Names after which a value is taken out, when a sign of assignment follows.
const NAMES: [&str; 8] = [
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "api_key",
    "authorization",
];
/// Words after which the next one is taken out.
const SCHEMES: [&str; 2] = ["bearer ", "basic "];

/// Cuts a stream into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    line: Vec<u8>,
    cut: usize,
}

impl Splitter {
    /// Takes some bytes; gives the lines that end in them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut parts = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LINE_BYTES_MAX - self.line.len();
            let kept = part.len().min(room);
            self.line.extend_from_slice(&part[..kept]);
            self.cut += part.len() - kept;
            if parts.peek().is_some() {
                lines.push(self.take());
            }
        }
        lines
    }

    /// What stands without a line end at the end of the stream.
    pub(super) fn end(&mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> String {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\r').unwrap_or(&text);
        // A terminal would obey them.
        let mut text: String = text
            .chars()
            .map(|c| if c.is_control() && c != '\t' { '?' } else { c })
            .collect();
        match std::mem::take(&mut self.cut) {
            0 => {}
            cut => text.push_str(&format!(" [{cut} bytes more]")),
        }
        text
    }
}

/// Takes secrets out of lines.
#[derive(Default)]
pub(super) struct Mask(Vec<Zeroizing<String>>);

impl Mask {
    /// Takes these out wherever they stand.
    pub(super) fn new(known: impl IntoIterator<Item = String>) -> Self {
        let mut mask = Self::default();
        known.into_iter().for_each(|text| mask.learn(&text));
        mask
    }

    /// Takes this out as well from now on, each of its lines by itself.
    pub(super) fn learn(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.len() >= SECRET_BYTES_MIN) {
            if !self.0.iter().any(|known| known.as_str() == line) {
                self.0.push(line.to_owned().into());
            }
        }
        // One that holds another goes first, or what is around that would stay.
        self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
    }

    pub(super) fn clean(&self, line: &str) -> String {
        let mut text = line.to_owned();
        for known in &self.0 {
            text = text.replace(known.as_str(), MASKED);
        }
        // Same length, so that places in one are places in the other.
        let lower = text.to_ascii_lowercase();
        let mut found: Vec<(usize, usize)> = NAMES
            .iter()
            .flat_map(|name| starts(&lower, name))
            .filter_map(|end| assigned(&text, end))
            .chain(
                SCHEMES
                    .iter()
                    .flat_map(|scheme| starts(&lower, scheme))
                    .filter_map(|start| word(&text, start)),
            )
            .chain(starts(&lower, "://").filter_map(|start| user_info(&text, start)))
            .collect();
        found.sort_unstable();
        for (start, end) in merged(&found).into_iter().rev() {
            text.replace_range(start..end, MASKED);
        }
        text
    }
}

/// The ends of all places where a text stands.
fn starts<'a>(text: &'a str, part: &'a str) -> impl Iterator<Item = usize> + 'a {
    text.match_indices(part).map(|(at, part)| at + part.len())
}

/// The value that is assigned to what ends there: `: x`, `="x y"`, `_file=` is none.
fn assigned(text: &str, end: usize) -> Option<(usize, usize)> {
    let rest = &text[end..];
    let sign = rest.trim_start_matches(['"', '\'', ' ']);
    let value = sign.strip_prefix(['=', ':'])?;
    let value = value.trim_start_matches(' ');
    let start = text.len() - value.len();
    match value.chars().next()? {
        quote @ ('"' | '\'') => {
            let inner = &value[1..];
            let length = inner.find(quote).unwrap_or(inner.len());
            (length > 0).then_some((start + 1, start + 1 + length))
        }
        _ => word(text, start),
    }
}

/// The word that begins there.
fn word(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = &text[start..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '&' | '}' | ')');
    let length = rest.find(ends).unwrap_or(rest.len());
    (length > 0).then_some((start, start + length))
}

/// The password in `://user:password@`.
fn user_info(text: &str, start: usize) -> Option<(usize, usize)> {
    let rest = &text[start..];
    let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?');
    let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
    let at = authority.rfind('@')?;
    let colon = authority[..at].find(':')?;
    Some((start + colon + 1, start + at))
}

/// Ranges that overlap as one.
fn merged(sorted: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut out: Vec<(usize, usize)> = Vec::new();
    for &(start, end) in sorted {
        match out.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => out.push((start, end)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_they_come() {
        let mut splitter = Splitter::default();
        assert_eq!(splitter.feed(b"one\r\ntw"), ["one"]);
        assert_eq!(
            splitter.feed(b"o\n\nthree \x1b[2J\n"),
            ["two", "", "three ?[2J"]
        );
        assert_eq!(splitter.feed(b"four"), [""; 0]);
        assert_eq!(splitter.end().as_deref(), Some("four"));
        assert_eq!(splitter.end(), None);
    }

    #[test]
    fn a_long_line_is_cut_and_says_so() {
        let mut splitter = Splitter::default();
        for _ in 0..100 {
            assert!(splitter.feed(&[b'x'; 1_000]).is_empty());
        }
        let line = splitter.feed(b"\nnext\n");
        assert_eq!(line[0], format!("{} [95904 bytes more]", "x".repeat(4_096)));
        assert_eq!(line[1], "next");
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let mask = Mask::new(["0123456789abcdef".to_owned(), "short".to_owned()]);
        assert_eq!(mask.clean(line), expected);
    }

    #[test]
    fn secrets_are_taken_out_and_the_rest_stays() {
        check("got 0123456789abcdef!", "got ***!");
        check("short words stay", "short words stay");
        check("Authorization: Bearer abc.def", "Authorization: *** ***");
        check("sent with bearer abc, fine", "sent with bearer ***, fine");
        check("password=hunter2&user=x", "password=***&user=x");
        check(
            r#"{"apiKey": "a b", "n": 1}"#,
            r#"{"apiKey": "***", "n": 1}"#,
        );
        check("PASSWORD = 'p q'", "PASSWORD = '***'");
        check("postgres://u:p@ss@db/x", "postgres://u:***@db/x");
        check(
            "http://u@h/ and http://h:80/",
            "http://u@h/ and http://h:80/",
        );
        check("the token is missing", "the token is missing");
        check("SPOKEGATE_TOKEN_FILE=/a", "SPOKEGATE_TOKEN_FILE=/a");
        check("token: ", "token: ");
        let mut mask = Mask::new(["inner-secret".to_owned()]);
        mask.learn("first line of a key\nshort\nouter-inner-secret-end");
        let cleaned = mask.clean("outer-inner-secret-end short first line of a key inner-secret");
        assert_eq!(cleaned, "*** short *** ***");
        check("größe password: ü", "größe password: ***");
    }
}
