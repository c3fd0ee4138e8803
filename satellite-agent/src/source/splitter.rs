//! Finds the rows of a JSON array while it arrives, so that no table is ever held whole.

/// Longest JSON text of one row; a row that encodes to more than a chunk fails anyway.
pub(crate) const ROW_JSON_BYTES_MAX: usize = 524_288;

/// Cuts `[{…},{…}]` into its objects. It knows strings and nesting, nothing else: each row it hands out is parsed
/// strictly afterwards, so what it is lenient about inside a row is refused there.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    state: State,
    /// The row that the last piece left unfinished.
    partial: Vec<u8>,
    rows: u64,
}

/// Why a text is not an array of objects. Rows count from 1, as people do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SplitFault {
    #[error("it is HTML, not JSON")]
    Html,
    #[error("it is empty")]
    Empty,
    #[error("it is {0}, not an array of rows")]
    NotArray(&'static str),
    #[error("row {row} is {kind}, not an object")]
    NotObject { row: u64, kind: &'static str },
    #[error("row {row} has more than {ROW_JSON_BYTES_MAX} bytes of JSON")]
    RowTooLong { row: u64 },
    #[error("after row {row} stands {found:?} where ',' or ']' belongs")]
    Separator { row: u64, found: char },
    #[error("something follows the array's end")]
    Trailing,
    #[error("it ends in the middle, after {row} whole rows")]
    CutShort { row: u64 },
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    /// After `[`: a row or the end.
    First,
    /// After `,`: a row.
    Next,
    Row {
        depth: u32,
        string: bool,
        escaped: bool,
    },
    /// After a row.
    Between,
    Done,
}

impl Splitter {
    /// Takes the next piece of the text and calls `on_row` for each row that is now whole.
    pub(crate) fn feed<E: From<SplitFault>>(
        &mut self,
        piece: &[u8],
        mut on_row: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut row_start = 0;
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if let State::Row { .. } = self.state {
                let (state, end) = scan_row(self.state, piece, at);
                self.state = state;
                at = end;
                if state == State::Between {
                    let row = self.take_row(&piece[row_start..at])?;
                    on_row(self.rows, row.as_deref().unwrap_or(&piece[row_start..at]))?;
                }
                continue;
            }
            self.state = self.between_rows(byte)?;
            if let State::Row { .. } = self.state {
                row_start = at;
            }
            at += 1;
        }
        if let State::Row { .. } = self.state {
            self.keep(&piece[row_start..])?;
        }
        Ok(())
    }

    /// Says whether the text ended where an array ends.
    pub(crate) fn finish(&self) -> Result<(), SplitFault> {
        match self.state {
            State::Done => Ok(()),
            State::Start => Err(SplitFault::Empty),
            _ => Err(SplitFault::CutShort { row: self.rows }),
        }
    }

    fn between_rows(&self, byte: u8) -> Result<State, SplitFault> {
        let row = State::Row {
            depth: 1,
            string: false,
            escaped: false,
        };
        match (self.state, byte) {
            (state, b' ' | b'\t' | b'\n' | b'\r') => Ok(state),
            (State::Start, b'[') => Ok(State::First),
            (State::Start, b'<') => Err(SplitFault::Html),
            (State::Start, other) => Err(SplitFault::NotArray(kind_of(other))),
            (State::First | State::Next, b'{') => Ok(row),
            (State::First, b']') | (State::Between, b']') => Ok(State::Done),
            (State::First | State::Next, other) => Err(SplitFault::NotObject {
                row: self.rows + 1,
                kind: kind_of(other),
            }),
            (State::Between, b',') => Ok(State::Next),
            (State::Between, other) => Err(SplitFault::Separator {
                row: self.rows,
                found: char::from(other),
            }),
            (State::Done, _) => Err(SplitFault::Trailing),
            (State::Row { .. }, _) => Ok(self.state),
        }
    }

    /// The whole row when its beginning came in an earlier piece; `None` when `tail` is all of it.
    fn take_row(&mut self, tail: &[u8]) -> Result<Option<Vec<u8>>, SplitFault> {
        let whole = if self.partial.is_empty() {
            self.check_length(tail.len())?;
            None
        } else {
            self.keep(tail)?;
            Some(std::mem::take(&mut self.partial))
        };
        self.rows += 1;
        Ok(whole)
    }

    fn keep(&mut self, piece: &[u8]) -> Result<(), SplitFault> {
        self.check_length(self.partial.len() + piece.len())?;
        self.partial.extend_from_slice(piece);
        Ok(())
    }

    fn check_length(&self, bytes: usize) -> Result<(), SplitFault> {
        if bytes > ROW_JSON_BYTES_MAX {
            return Err(SplitFault::RowTooLong { row: self.rows + 1 });
        }
        Ok(())
    }
}

/// Runs through a row from `at`; answers the state and the first byte not consumed.
fn scan_row(state: State, piece: &[u8], mut at: usize) -> (State, usize) {
    let State::Row {
        mut depth,
        mut string,
        mut escaped,
    } = state
    else {
        return (state, at);
    };
    while let Some(&byte) = piece.get(at) {
        at += 1;
        if string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return (State::Between, at);
                }
            }
            _ => {}
        }
    }
    (
        State::Row {
            depth,
            string,
            escaped,
        },
        at,
    )
}

/// What a JSON value is, by its first byte.
pub(crate) fn kind_of(first: u8) -> &'static str {
    match first {
        b'{' => "an object",
        b'[' => "an array",
        b'"' => "a text",
        b'-' | b'0'..=b'9' => "a number",
        b't' | b'f' => "true or false",
        b'n' => "null",
        b'<' => "HTML",
        _ => "not JSON",
    }
}

#[cfg(test)]
mod tests;
