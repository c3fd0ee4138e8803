//! The property that fuzzing and the corpus test hold the decoder to.

use super::{BodyLimits, decode, write_value};

/// Decodes bytes; when they are accepted, their JSON must be canonical and must encode to the same bytes again.
///
/// # Panics
/// When the property does not hold.
pub fn assert_fixpoint(bytes: &[u8]) -> bool {
    let Ok(tree) = decode(bytes, &BodyLimits::default()) else {
        return false;
    };
    let mut json = Vec::new();
    write_value(tree.root(), &mut json);
    assert!(
        spokegate_contract::record::check_canonical(&json).is_ok(),
        "the JSON of an accepted body is canonical"
    );
    let value: serde_json::Value = serde_json::from_slice(&json).expect("canonical JSON is JSON");
    let mut again = Vec::new();
    spokegate_contract::cbor::from_json(&value, &mut again)
        .expect("an accepted body can be encoded");
    assert!(again == bytes, "an accepted body encodes to the same bytes");
    true
}
