use minijinja::{Environment, Value, context};

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    super::register(&mut environment);
    environment
}

/// Evaluates an expression; a failure gives `error: …`.
fn evaluate(expression: &str) -> String {
    let rows = vec![
        context! { online => true, size => 10, result => "success", last => "2026-11-22T14:05:09+01:00" },
        context! { online => false, size => 2.5, result => "failed", last => () },
        context! { online => true, size => 0, result => "success" },
    ];
    let values = context! { rows => rows, nothing => () };
    match environment().render_str(&format!("{{{{ {expression} }}}}"), values) {
        Ok(text) => text,
        Err(error) => format!("error: {}", error.detail().unwrap_or_default()),
    }
}

fn check(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression), expected, "{expression}");
}

#[test]
fn dates() {
    check("'2026-11-22T14:05:09+01:00'|date", "22 November 2026");
    check("'2026-11-02T14:05:09Z'|datetime", "2 November 2026, 14:05");
    check(
        "'2026-11-02'|date('%d.%m.%y %a %A %b %j %%')",
        "02.11.26 Mon Monday Nov 306 %",
    );
    check(
        "'2026-11-02 03:04'|date(format='%-H %I %p %M %S')",
        "error: a date is needed, not \"2026-11-02 03:04\"",
    );
    check(
        "'2026-11-02 03:04:05'|date(format='%-H %I %p %M %S')",
        "3 03 AM 04 05",
    );
    check("0|date('%Y-%m-%d')", "1970-01-01");
    check("nothing|date", "");
    check("''|date", "");
    check("'soon'|date", "error: a date is needed, not \"soon\"");
    check(
        "[]|date",
        "error: a date is needed, not a value of type sequence",
    );
    check(
        "0|date('%Q')",
        "error: %Q is not a date code; there are %Y %y %m %d %e %j %H %I %p %M %S %B %b %A %a %%",
    );
}

#[test]
fn a_pattern_without_codes_is_no_pattern() {
    let hint = "hint: write it like \"%d.%m.%Y\", or \"%H:%M\" for the time";
    let refused =
        |pattern: &str| format!("error: the pattern \"{pattern}\" names nothing of a date\n{hint}");
    check("0|date('dd.MM.yyyy')", &refused("dd.MM.yyyy"));
    check("0|datetime('HH:mm')", &refused("HH:mm"));
    check("0|date(format='')", &refused(""));
    check("0|date('%H')", "00");
    check("'%d EUR'|format(3)", "3 EUR");
    check("'EUR'|format", "EUR");
    check(
        "'EUR'|format(3)",
        "error: the pattern \"EUR\" has no place for a value\nhint: write it like \"%.2f\"|format(price)",
    );
}

#[test]
fn fields_that_no_row_has_are_misspelt() {
    let near = |name: &str, meant: &str| {
        format!("error: no row has \"{name}\"\nhint: did you mean \"{meant}\"?")
    };
    check("rows|sum(attribute='size')", "12.5");
    check("rows|sum(attribute='sizes')", &near("sizes", "size"));
    check("rows|sum('sizes')", &near("sizes", "size"));
    check(
        "rows|map(attribute='resul')|first",
        &near("resul", "result"),
    );
    check("rows|map(attribute='resul', default='-')|first", "-");
    check("rows|selectattr('onlin')|length", &near("onlin", "online"));
    check("rows|rejectattr('onlin')|length", &near("onlin", "online"));
    check("rows|selectattr('onlin', 'defined')|length", "0");
    check("rows|groupby('resul')|length", &near("resul", "result"));
    check("rows|sort(attribute='result,siz')", &near("siz", "size"));
    check("(rows|max(attribute='size')).size", "10");
    check("rows|unique(attribute='onlin')", &near("onlin", "online"));
    check("(rows|tally('online', 'siz')).rows", &near("siz", "size"));
    check(
        "rows|sum(attribute='zebra')",
        "error: no row has \"zebra\"\nhint: there are: online, size, result, last",
    );
    // In some rows, in none of no rows, and below null.
    check("rows|selectattr('last')|length", "1");
    check("[]|sum(attribute='zebra')", "0");
    check("rows[1:2]|selectattr('last.day')|length", "0");
    check("[{'a': {'b': 1}}]|sum(attribute='a.b')", "1");
    check(
        "[{'a': {'b': 1}}]|sum(attribute='a.c')",
        "error: no row has \"c\"\nhint: did you mean \"b\"?",
    );
}

#[test]
fn numbers() {
    check("1234567.891|number", "1,234,568");
    check("1234567.891|number(2)", "1,234,567.89");
    check(
        "1234567.891|number(1, thousands='.', decimal=',')",
        "1.234.567,9",
    );
    check("-1234|number", "-1,234");
    check("-0.2|number", "0");
    check("'12'|number", "12");
    check("nothing|number", "");
    check(
        "'a dozen'|number",
        "error: a number is needed, not \"a dozen\"",
    );
    check(
        "true|number",
        "error: a number is needed, not a value of type bool",
    );
}

#[test]
fn sizes_times_and_shares() {
    check("0|bytes", "0 B");
    check("1536|bytes", "1.5 KB");
    check("157286400|bytes", "150 MB");
    check("1048575|bytes", "1.0 MB");
    check("5497558138880|bytes(2)", "5.00 TB");
    check("42|duration", "42 s");
    check("61|duration", "1 min 01 s");
    check("3900|duration", "1 h 05 min");
    check("180000|duration", "2 d 2 h");
    check("0.953|percent", "95 %");
    check("1|percent(1, of=3)", "33.3 %");
    check("1|percent(of=0)", "–");
    check("nothing|percent", "");
}

#[test]
fn tallies_count_in_one_pass() {
    let tally = "(rows|tally('online', 'size', 'result', 'last'))";
    check(&format!("{tally}.rows"), "3");
    check(&format!("{tally}.online.yes"), "2");
    check(&format!("{tally}.online.no"), "1");
    check(&format!("{tally}.size.sum"), "12.5");
    check(&format!("{tally}.size.positive"), "2");
    check(&format!("{tally}.size.max"), "10");
    check(&format!("{tally}.result.of.failed"), "1");
    check(&format!("{tally}.result.of.warning"), "0");
    check(&format!("{tally}.last.empty"), "2");
    check("([]|tally('size')).size.max", "None");
}

#[test]
fn values_are_escaped_whatever_the_template_asks() {
    assert_eq!(
        super::plain(Value::from("a\n\"<b>\u{1}"))
            .unwrap()
            .to_string(),
        "a&#10;&quot;&lt;b&gt;"
    );
    assert_eq!(evaluate("'<b>'|safe"), "<b>");
    assert_eq!(super::share(9000.0, Value::from(4)), 2250);
    assert_eq!(super::share(9000.0, Value::UNDEFINED), 9000);
}

#[test]
fn money() {
    check("1234.5|currency('EUR')", "€1,234.50");
    check("-1234.5|currency('usd')", "-$1,234.50");
    check("1234.5|currency('JPY')", "¥1,234");
    check("1234.5|currency('KWD')", "KWD\u{a0}1,234.500");
    check("'1234.5'|currency('CHF', 0)", "CHF\u{a0}1,234");
    check("1|currency('EUR', decimals=3)", "€1.000");
    check("nothing|currency('EUR')", "");
    check(
        "1|currency",
        "error: a currency has a code of three letters, such as \"EUR\", not \"\"",
    );
    check(
        "1|currency('euro')",
        "error: a currency has a code of three letters, such as \"EUR\", not \"EURO\"",
    );
    check(
        "'much'|currency('EUR')",
        "error: a number is needed, not \"much\"",
    );
}

#[test]
fn each_language_in_its_own_way() {
    let check = |name: &str, expression: &str, expected: &str| {
        let _guard = crate::locale::start(crate::Locale::named(name).unwrap());
        assert_eq!(evaluate(expression), expected, "{name}: {expression}");
    };
    let moment = "'2026-03-02T14:05:09Z'";
    for (name, expected) in [
        ("en", "2 March 2026, 14:05"),
        ("en-US", "March 2, 2026, 14:05"),
        ("de", "2. März 2026, 14:05"),
        ("fr", "2 mars 2026, 14:05"),
        ("es", "2 de marzo de 2026, 14:05"),
        ("it", "2 marzo 2026, 14:05"),
        ("nl", "2 maart 2026, 14:05"),
        ("pt", "2 de março de 2026, 14:05"),
        ("pl", "2 marca 2026, 14:05"),
        ("da", "2. marts 2026, 14:05"),
        ("sv", "2 mars 2026, 14:05"),
    ] {
        check(name, &format!("{moment}|datetime"), expected);
    }
    check(
        "de",
        &format!("{moment}|date('%a, %-d. %b')"),
        "Mo, 2. März",
    );
    check("fr", &format!("{moment}|date('%A %e %b')"), "lundi 2 mars");
    for (name, expected) in [
        ("en", "€1,234.50"),
        ("de", "1.234,50\u{a0}€"),
        ("de-CH", "€\u{a0}1’234.50"),
        ("fr", "1\u{202f}234,50\u{a0}€"),
        ("es", "1234,50\u{a0}€"),
        ("nl", "€\u{a0}1.234,50"),
    ] {
        check(name, "1234.5|currency('EUR')", expected);
    }
    check("es", "12345.5|currency('EUR')", "12.345,50\u{a0}€");
    check("nl", "-5|currency('EUR')", "€\u{a0}-5,00");
    check("de", "-5|currency('EUR')", "-5,00\u{a0}€");
    check("de", "1234567.891|number(2)", "1.234.567,89");
    check(
        "de",
        "1234.5|number(1, thousands=' ', decimal='.')",
        "1 234.5",
    );
    check("es", "1234|number(thousands='.')", "1.234");
    check("de", "1536|bytes", "1,5 KB");
    check("fr", "1536|bytes", "1,5 Ko");
    check("de", "0.953|percent(1)", "95,3\u{a0}%");
    check("it", "0.953|percent(1)", "95,3%");
}
