//! Report definitions: folders read and checked as a whole at start.

mod borrowed;
mod check;
mod definition;
mod load;
mod needs;
mod options;
mod pictures;
mod template;

pub(crate) use check::check;
pub use definition::{Need, Options, ParamSource, Report};
pub use load::{Catalogue, ReportFaults};
pub(crate) use load::{Outline, outline};
pub(crate) use needs::OLDER_S_MAX;
pub(crate) use template::ages_untold;

#[cfg(test)]
mod tests;
