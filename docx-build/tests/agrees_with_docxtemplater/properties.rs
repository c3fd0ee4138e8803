//! Whatever stands in an old template, taking it over ends well: a template, and remarks that say what is left.

use docx_build::docxtemplater::{Options, Weight, import};
use docx_jinja::Template;
use proptest::prelude::*;

use crate::cases::refused;
use crate::package::package;

/// Pieces of which templates, and what looks like them, are made.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("{#a}".to_owned()),
        Just("{/}".to_owned()),
        Just("{/a}".to_owned()),
        Just("{^b}".to_owned()),
        Just("{.}".to_owned()),
        Just("{a.b | upper}".to_owned()),
        Just("{=[[ ]]=}".to_owned()),
        Just("[[x]]".to_owned()),
        Just("{-w:p a}".to_owned()),
        Just("{%p}{@r}{{%#".to_owned()),
        Just("</w:t></w:r><w:r><w:t>".to_owned()),
        Just("</w:t></w:r></w:p><w:p><w:r><w:t>".to_owned()),
        "[ -;=?-~äß\u{201c}]{0,6}".prop_map(|text| text.replace('&', "&amp;")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_text_is_taken_over_or_told(pieces in prop::collection::vec(piece(), 0..14)) {
        let body = format!("<w:p><w:r><w:t>{}</w:t></w:r></w:p>", pieces.concat());
        let done = import(&package(&refused(&body)), &Options::default()).unwrap();
        let is_told = done.remarks.iter().any(|remark| remark.weight == Weight::Left);
        // What is not told works.
        prop_assert!(is_told || Template::compile(&done.template).is_ok());
    }
}
