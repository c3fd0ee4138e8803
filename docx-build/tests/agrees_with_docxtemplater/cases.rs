//! Templates as people write them for docxtemplater.

use serde_json::{Value, json};

/// One template with the data that it is filled with.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) body: String,
    pub(crate) data: Value,
    pub(crate) header: String,
    pub(crate) footer: String,
    pub(crate) footnote: String,
    pub(crate) title: &'static str,
    pub(crate) delimiters: (&'static str, &'static str),
    pub(crate) paragraph_loop: bool,
    /// What it means depends on the data; it cannot be guessed.
    pub(crate) needs_sample: bool,
}

fn case(name: &'static str, body: impl Into<String>, data: Value) -> Case {
    Case {
        name,
        body: body.into(),
        data,
        header: p("Header"),
        footer: p("Footer"),
        footnote: p("Note"),
        title: "Title",
        delimiters: ("{", "}"),
        paragraph_loop: true,
        needs_sample: false,
    }
}

fn sampled(name: &'static str, body: impl Into<String>, data: Value) -> Case {
    Case {
        needs_sample: true,
        ..case(name, body, data)
    }
}

fn p(text: &str) -> String {
    runs(&[text])
}

fn runs(texts: &[&str]) -> String {
    let runs: String = texts
        .iter()
        .map(|text| format!("<w:r><w:t xml:space=\"preserve\">{text}</w:t></w:r>"))
        .collect();
    format!("<w:p>{runs}</w:p>")
}

fn ps(texts: &[&str]) -> String {
    texts.iter().map(|text| p(text)).collect()
}

fn tr(cells: &[&str]) -> String {
    let cells: String = cells
        .iter()
        .map(|text| {
            format!(
                "<w:tc><w:tcPr><w:tcW w:w=\"2000\" w:type=\"dxa\"/></w:tcPr>{}</w:tc>",
                p(text)
            )
        })
        .collect();
    format!("<w:tr>{cells}</w:tr>")
}

fn table(rows: &[&[&str]]) -> String {
    let columns = "<w:gridCol w:w=\"2000\"/>".repeat(rows[0].len());
    let rows: String = rows.iter().map(|cells| tr(cells)).collect();
    format!(
        "<w:tbl><w:tblPr/><w:tblGrid>{columns}</w:tblGrid>{rows}</w:tbl>{}",
        p("After")
    )
}

fn devices() -> Value {
    json!({"customer": "Acme", "devices": [
        {"name": "srv-01", "os": "Ubuntu", "disks": [{"size": 10, "mount": "/"}, {"size": 20, "mount": "/var"}]},
        {"name": "srv-02", "os": "Debian", "disks": []},
    ]})
}

pub(crate) fn cases() -> Vec<Case> {
    let mut all = values();
    all.extend(loops());
    all.extend(items());
    all.extend(tables());
    all.extend(questions());
    all.extend(expressions());
    all.extend(delimiters());
    all
}

fn values() -> Vec<Case> {
    let named = || json!({"name": "Acme & <Sons>", "n": 3, "f": 2.5});
    vec![
        case("a value", p("Dear {name},"), named()),
        case(
            "a tag split over runs",
            runs(&["Dear {", "na", "me} and", " {n}{f", "}!"]),
            named(),
        ),
        case(
            "three sections in each other, all true",
            p("a {#a0}b {#a1}c {#a2}x{/a2}{/a1}{/a0} d"),
            json!({"a0": true, "a1": true, "a2": true}),
        ),
        case(
            "three sections in each other, each in the one around it",
            p("a {#a0}b {#a1}c {#a2}{n}{/a2}{/a1}{/a0} d"),
            json!({"a0": {"a1": {"a2": {"n": 7}}}}),
        ),
        case(
            "a loop in a section that may be an object",
            p("a {#owner}{name}: {#devices}{host} {/devices}{/owner} d"),
            json!({"owner": {"name": "Jo"}, "devices": [{"host": "h-1"}, {"host": "h-2"}]}),
        ),
        case("spaces inside a tag", p("{ name } has {n }"), named()),
        case(
            "line breaks of a value",
            p("{note}"),
            json!({"note": "one\ntwo"}),
        ),
        sampled(
            "truth in words",
            p("{yes} {no}"),
            json!({"yes": true, "no": false}),
        ),
        sampled(
            "a list in a text",
            p("{names}"),
            json!({"names": ["a", "b"]}),
        ),
        case(
            "a text box",
            "<w:p><w:r><w:t>{a} </w:t></w:r><w:r><w:pict><w:txbxContent>".to_owned()
                + &p("{b}")
                + "</w:txbxContent></w:pict></w:r><w:r><w:t>{c}</w:t></w:r></w:p>",
            json!({"a": 1, "b": 2, "c": 3}),
        ),
        Case {
            header: p("{customer}"),
            footer: ps(&["{#devices}", "{name} of {customer}", "{/devices}"]),
            footnote: p("see {customer}"),
            title: "{customer}: devices",
            ..case(
                "header, footer, footnotes and properties",
                p("{customer}"),
                devices(),
            )
        },
    ]
}

fn loops() -> Vec<Case> {
    let list = ps(&[
        "Before",
        "{#devices}",
        "{name}: {os}",
        "second line",
        "{/devices}",
        "After",
    ]);
    vec![
        case(
            "a loop inside a paragraph",
            p("{#devices}{name}, {/devices}done"),
            devices(),
        ),
        case("a loop over paragraphs", list.clone(), devices()),
        case(
            "a loop over no paragraphs",
            list.clone(),
            json!({"devices": []}),
        ),
        Case {
            paragraph_loop: false,
            ..case("a loop over paragraphs that stay", list, devices())
        },
        case(
            "a loop from text to text",
            ps(&["Start {#devices}{name}", "{os} end{/devices} rest"]),
            devices(),
        ),
        case(
            "loops inside loops",
            ps(&[
                "{#devices}",
                "{name}",
                "{#disks}",
                "{mount} has {size} of {os}",
                "{/disks}",
                "{/devices}",
            ]),
            devices(),
        )
        .only_sampled(),
    ]
}

fn items() -> Vec<Case> {
    vec![
        case(
            "a loop over texts",
            p("{#names}[{.}]{/names}"),
            json!({"names": ["a", "b & c"]}),
        ),
        case(
            "an end without a name",
            p("{#names}[{.}]{/}"),
            json!({"names": ["a", "b"]}),
        ),
        case(
            "a name of the item and of the whole",
            p("{name}: {#devices}{name} {/devices}"),
            json!({"name": "Acme", "devices": [{"name": "x"}, {}]}),
        ),
        case(
            "a name found outside",
            p("{customer}: {#devices}{name} of {customer}; {/devices}"),
            devices(),
        ),
        case(
            "a loop around a table",
            p("{#devices}") + &table(&[&["{name}", "{os}"]]) + &p("{/devices}"),
            devices(),
        ),
        case(
            "a paragraph named as what is repeated",
            ps(&["{-w:p devices}{name}: {os}{/devices}", "After"]),
            devices(),
        ),
        case(
            "paragraphs named as what is repeated",
            ps(&["{-w:p devices}{name}:", "{os}{/devices} end", "After"]),
            devices(),
        ),
        case(
            "the place in a list",
            p("{#devices}{$index}/{$index + 1} {name}; {/devices}"),
            devices(),
        ),
    ]
}

fn tables() -> Vec<Case> {
    vec![
        case(
            "a row that repeats",
            table(&[&["Name", "System"], &["{#devices}{name}", "{os}{/devices}"]]),
            devices(),
        ),
        case(
            "a row that never comes",
            table(&[&["Name", "System"], &["{#devices}{name}", "{os}{/devices}"]]),
            json!({"devices": []}),
        ),
        case(
            "rows that repeat together",
            table(&[
                &["Name", "System"],
                &["{#devices}{name}", "x"],
                &["y", "{os}{/devices}"],
                &["end", "end"],
            ]),
            devices(),
        ),
        case(
            "rows inside rows",
            table(&[
                &["{#devices}{name}", "{os}"],
                &["{#disks}{mount}", "{size}{/disks}"],
                &["end{/devices}", ""],
            ]),
            devices(),
        ),
        case(
            "a loop inside a cell",
            table(&[&[
                "{#devices}{name}",
                "{#disks}{mount} {/disks}",
                "{os}{/devices}",
            ]]),
            devices(),
        ),
        case(
            "a row that is asked for",
            table(&[
                &["{#hasTotal}Total", "{total}{/hasTotal}"],
                &["{^hasTotal}None", "-{/hasTotal}"],
            ]),
            json!({"hasTotal": true, "total": 5}),
        ),
        case(
            "a row named as what is repeated",
            table(&[&["{-w:tr devices}{name}{/devices}", "{os}"]]).replace("{os}", "static"),
            devices(),
        ),
        case(
            "a cell whose paragraphs all go",
            "<w:tbl><w:tblGrid><w:gridCol/></w:tblGrid><w:tr><w:tc>".to_owned()
                + &ps(&["{#devices}", "{name}", "{/devices}"])
                + "</w:tc></w:tr></w:tbl>"
                + &p("After"),
            json!({"devices": []}),
        ),
    ]
}

fn questions() -> Vec<Case> {
    let mail = ps(&[
        "{#hasMail}",
        "Mail: {mail}",
        "{/hasMail}",
        "{^hasMail}",
        "no mail",
        "{/hasMail}",
    ]);
    vec![
        case(
            "a question, yes",
            mail.clone(),
            json!({"hasMail": true, "mail": "a@b"}),
        ),
        case("a question, no", mail.clone(), json!({"hasMail": false})),
        case("a question about what is missing", mail, json!({})),
        case(
            "a list that may be empty",
            ps(&["{#rows}{name}{/rows}{^rows}nothing{/rows}", "end"]),
            json!({"rows": []}),
        ),
        case(
            "a text that is asked for",
            p("{#note}Note: {note}{/note}."),
            json!({"note": "hi"}),
        ),
        case(
            "an object",
            ps(&["{#owner}", "{name}, {city} for {customer}", "{/owner}"]),
            json!({"owner": {"name": "Eva", "city": "Ulm"}, "customer": "Acme"}),
        )
        .only_sampled(),
        case(
            "an object that is guessed",
            p("{#owner}{name} {/owner}{customer}"),
            json!({"owner": {"name": "Eva"}, "customer": "Acme"}),
        ),
        sampled(
            "a singular name that is a list",
            p("{#device}{name} {/device}"),
            json!({"device": [{"name": "a"}, {"name": "b"}]}),
        ),
        sampled(
            "a plural name that is a question",
            p("{#details}{customer} wants them{/details}"),
            json!({"details": true, "customer": "Acme"}),
        ),
        sampled(
            "fields that are not always there",
            p("{#rows}{#open}open {/open}{^open}closed {/open}{/rows}"),
            json!({"rows": [{"open": true}, {}, {"open": null}]}),
        ),
    ]
}

fn expressions() -> Vec<Case> {
    let data = || {
        json!({
            "a": {"b": {"c": "deep"}}, "n": 4, "m": 2.5, "who": "eva", "on": true, "off": false, "empty": "",
            "rows": [{"k": "b", "n": 2}, {"k": "a", "n": 1}],
        })
    };
    let check = |name, text: &str| case(name, p(text), data());
    vec![
        check("a path", "{a.b.c} {a['b'].c}"),
        check("texts put together", "{'Hello ' + who + '!'}"),
        check(
            "numbers",
            "{n + 1} {n - 1} {n * 3} {m + n * 2} {(n + 1) * 2} {-n}",
        ),
        check(
            "comparing",
            "{#n &gt; 3}big{/}{#n &lt;= 3}small{/}{#who == 'eva'} Eva{/}{#who !== \"eva\"} other{/}",
        ),
        check(
            "both and either",
            "{#on &amp;&amp; n == 4}one{/}{#off || n == 4}two{/}{#!off}three{/}",
        ),
        check(
            "a choice",
            "{on ? 'yes' : 'no'} {n &gt; 5 ? 'big' : 'small'}",
        ),
        check("what stands for nothing", "{empty || 'none'}"),
        check(
            "filters",
            "{who | upper} {m | toFixed:2} {who | upper | lower}",
        ),
        check("a length", "{rows.length} {who.length}"),
        check("a sorted list", "{#rows | sortBy:'k'}{k}{n} {/}"),
        check("a sum", "{rows | sumBy:'n'}"),
        check("an item by number", "{rows[0].k}"),
        check("curly quotes", "{#who == \u{2018}eva\u{2019}}Eva{/}"),
        check("a value kept", "{total = n + 1}{total} and {total * 2}"),
        check(
            "a count that is asked for",
            "{#rows.length &gt; 1}many{/}{#rows.length == 1}one{/}",
        ),
    ]
}

fn delimiters() -> Vec<Case> {
    let data = || json!({"name": "Acme", "rows": [{"n": 1}, {"n": 2}]});
    let with = |name, delimiters, body: String| Case {
        delimiters,
        ..case(name, body, data())
    };
    vec![
        with(
            "square brackets",
            ("[[", "]]"),
            ps(&["[[name]]: [[#rows]][[n]] [[/rows]]"]),
        ),
        with(
            "doubled braces",
            ("{{", "}}"),
            ps(&["{{name}}: {{#rows}}{{n}} {{/rows}}"]),
        ),
        with("angle brackets", ("&lt;", "&gt;"), ps(&["[name]"])).changed(),
        with(
            "braces that are text",
            ("[[", "]]"),
            ps(&["{{x}} {% y %} {# z #} {[[name]]} {"]),
        ),
        case(
            "delimiters that change",
            p("{name} {=[[ ]]=}[[name]] {name}"),
            data(),
        ),
    ]
}

impl Case {
    fn only_sampled(self) -> Self {
        Self {
            needs_sample: true,
            ..self
        }
    }

    /// Square brackets instead of what was given.
    fn changed(self) -> Self {
        Self {
            name: "single square brackets",
            delimiters: ("[", "]"),
            ..self
        }
    }
}

/// A template for what cannot be taken over.
pub(crate) fn refused(body: &str) -> Case {
    case("refused", body, Value::Null)
}
