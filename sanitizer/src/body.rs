//! Bodies: strict decoding into a bounded tree, and canonical JSON written anew from it.

mod decode;
mod fixpoint;
mod float;
mod json;
mod refusal;
mod tree;

pub use decode::{BodyLimits, decode};
pub use fixpoint::assert_fixpoint;
pub use json::write_value;
pub use refusal::{Refusal, Rule};
pub use spokegate_contract::text::TextClass;
pub use tree::{Elements, Item, Members, Node, Tree};
