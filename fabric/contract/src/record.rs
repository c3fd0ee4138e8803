//! The second hop: what the sanitizer hands inwards, and what the centre asks of it.
//!
//! Records are canonical JSON: no white space, member names in ascending byte order, `\"`, `\\`, `\n` and `\t` the only
//! escapes, numbers as [`write_number`] prints them. For the ASCII names of contracts that is the order of RFC 8785.

mod canonical;
mod content;
mod messages;

pub use canonical::{NotCanonical, check_canonical, write_number, write_string};
pub use content::{Content, Data, Flat, Record, RecordError, Refusal, Served};
pub use messages::{
    AckBody, BOOT_HEADER, Cancel, ErrorBody, ErrorDetail, GrantCredit, Lane, Line, PullBody,
    RequestBody, Watermark,
};

#[cfg(test)]
mod tests;
