//! Charts: those drawn in Word get new values, and charts drawn here as pictures.

mod blank;
mod caches;
mod colour;
mod data;
mod draw;
mod edits;
mod filter;
mod links;
mod native;
mod parts;
mod rewrite;
mod series;
mod texts;
mod title;

pub(crate) use data::{Cell, ChartData, Columns, Series};
pub(crate) use filter::register;
pub(crate) use parts::{Charts, FILL, FILLED, TEXTS};
pub(crate) use texts::Texts;
