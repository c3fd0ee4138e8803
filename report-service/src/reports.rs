//! Report definitions: folders read and checked as a whole at start.

mod borrowed;
mod definition;
mod load;
mod needs;
mod pictures;

pub use definition::{Need, ParamSource, Report};
pub use load::{Catalogue, ReportFaults};
pub(crate) use load::{Outline, outline};

#[cfg(test)]
mod tests;
