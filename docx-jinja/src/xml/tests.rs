use super::{Kind, attribute, attributes, decode, tokenize};

fn check(source: &str, expected: Result<usize, &str>) {
    match (tokenize(source), expected) {
        (Ok(tokens), Ok(count)) => {
            assert_eq!(tokens.len(), count, "{source}");
            let again: String = tokens.iter().map(|t| t.raw).collect();
            assert_eq!(again, source);
        }
        (Err(fault), Err(part)) => assert!(fault.contains(part), "{source}: {fault}"),
        (got, _) => panic!("{source}: {got:?}, expected {expected:?}"),
    }
}

#[test]
fn documents_come_back_byte_for_byte_and_broken_ones_are_refused() {
    check("<a><b/>x</a>", Ok(4));
    check(
        "<?xml version=\"1.0\"?>\r\n<a>\n<b x='>' y=\"/>\"/><!-- <c> --><![CDATA[<d>]]></a>",
        Ok(8),
    );
    check("<a/>", Ok(1));
    check("", Ok(0));
    check("<a>", Err("`<a>` is never closed"));
    check("<a></b>", Err("closes nothing"));
    check("</a>", Err("closes nothing"));
    check("<a", Err("has no end"));
    check("<a <b/>", Err("has no end"));
    check("<a x=\"></a>", Err("has no end"));
    check("< a/>", Err("no name"));
    check("<!-- x", Err("has no end"));
    check(
        "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
        Err("document type"),
    );
    check("<a>\u{1}</a>", Err("control characters"));
    check(&"<a>".repeat(300), Err("nest deeper"));
}

#[test]
fn elements_know_their_partner_and_parent() {
    let tokens = tokenize("<a><b>t</b></a>").unwrap();
    assert_eq!(tokens[0].partner, 4);
    assert_eq!(tokens[3].partner, 1);
    assert_eq!(tokens[2].parent, 1);
    assert_eq!(tokens[3].parent, 0);
    assert_eq!(tokens[2].kind, Kind::Text);
}

#[test]
fn entities_and_attributes_are_decoded() {
    assert_eq!(
        decode("a &lt;b&gt; &amp;amp; &quot;&apos;&#65;&#x42; &nope; & &#1;"),
        "a <b> &amp; \"'AB &nope; & &#1;"
    );
    let raw = "<w:t xml:space=\"preserve\" b = 'c\"d' e=\"&amp;\">";
    assert_eq!(attributes(raw).count(), 3);
    assert_eq!(attribute(raw, "xml:space").as_deref(), Some("preserve"));
    assert_eq!(attribute(raw, "b").as_deref(), Some("c\"d"));
    assert_eq!(attribute(raw, "e").as_deref(), Some("&"));
    assert_eq!(attribute(raw, "f"), None);
    assert_eq!(attribute("<a>", "f"), None);
}
