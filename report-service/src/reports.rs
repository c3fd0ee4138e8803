//! Report definitions: folders read and checked as a whole at start.

mod borrowed;
mod definition;
mod load;
mod needs;

pub use definition::{Need, ParamSource, Report};
pub(crate) use load::outline;
pub use load::{Catalogue, ReportFaults};

#[cfg(test)]
mod tests;
