//! Drawings whose alternative text says what their chart shows: `chart: rows, x="month", y=["ok", "failed"]`.

use super::{Draft, Piece, Placed};
use crate::chart::{Charts, FILL, FILLED, TEXTS};
use crate::check;
use crate::engine;
use crate::limits::CHARTS_MAX;
use crate::locate::{Faults, Place};
use crate::tags::{Tag, TagKind, scan};
use crate::xml::{self, Kind};

/// What the alternative text begins with.
const DIRECTIVES: [&str; 2] = ["chart:", "Chart:"];
/// Where it can stand, in this order.
const ATTRIBUTES: [&str; 3] = ["descr", "title", "name"];
/// The charts of Word 2016 and on that have a form of their own.
const NEW_CHARTS: &str = "chartex";

/// True when a part may hold such drawings.
pub(super) fn are_in(text: &str) -> bool {
    text.contains("wp:docPr") && DIRECTIVES.iter().any(|word| text.contains(word))
}

/// Makes every such drawing fill its chart when it is written.
pub(super) fn apply(draft: &mut Draft<'_>, charts: &mut Charts, faults: &mut Faults) {
    let mut paragraphs = 0;
    let mut count = 0;
    for at in 0..draft.tokens.len() {
        let token = draft.tokens[at];
        let begins = matches!(token.kind, Kind::Open | Kind::Empty);
        paragraphs += usize::from(begins && token.name == "w:p");
        if !begins || token.name != "wp:docPr" {
            continue;
        }
        let Some((value, directive)) = directive(token.raw) else {
            continue;
        };
        let mut place = Place::new(draft.part, Some(paragraphs), "", &statement(String::new()));
        place.tag = xml::decode(&token.raw[value.clone()]).into_owned();
        count += 1;
        if count > CHARTS_MAX {
            let message = format!("a part can fill {CHARTS_MAX} charts, and there are more");
            return faults.add(place.error(message, None));
        }
        let read = expression(directive).and_then(|body| {
            let drawing = drawing(draft, at, &body, charts)?;
            Ok((body, drawing))
        });
        match read {
            Err((message, hint)) => faults.add(place.error(message, hint)),
            Ok((body, drawing)) => {
                let texts = texts(draft, charts.texts(drawing.number), &place, faults);
                let tag = statement(format!("{FILL}({}, {body}{texts})", drawing.number));
                fill(draft, at, &value, &drawing, (tag, place));
            }
        }
    }
}

/// The option with what the tags in a chart's texts say.
fn texts(draft: &Draft<'_>, tags: &[Tag], place: &Place, faults: &mut Faults) -> String {
    if tags.is_empty() {
        return String::new();
    }
    for tag in tags {
        let inside = Place::new(draft.part, place.paragraph, &place.tag, tag);
        engine::own_names(&tag.body, &inside, faults);
        check::tag(tag, &inside, faults);
    }
    let bodies: Vec<String> = tags.iter().map(|tag| format!("({})", tag.body)).collect();
    format!(", {TEXTS}=[{}]", bodies.join(", "))
}

type Fault = (String, Option<String>);

/// A drawing's chart.
struct Drawing {
    /// Its number among the template's charts.
    number: usize,
    /// The token that names the chart, and where in it the id stands.
    token: usize,
    id: std::ops::Range<usize>,
}

/// Where in a tag the directive's attribute stands, and what it says.
fn directive(raw: &str) -> Option<(std::ops::Range<usize>, &str)> {
    ATTRIBUTES.iter().find_map(|name| {
        let value = range(raw, name)?;
        let text = raw[value.clone()].trim();
        let rest = DIRECTIVES.iter().find_map(|word| text.strip_prefix(word))?;
        Some((value, rest.trim()))
    })
}

/// The arguments of the directive as minijinja reads them.
fn expression(raw: &str) -> Result<String, Fault> {
    let inner = raw
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"))
        .unwrap_or(raw);
    if inner.contains("{{") || inner.contains("{%") {
        return Err((
            "tags cannot stand inside a chart's expression".to_owned(),
            Some("write values by their names: chart: rows, title=report.title".to_owned()),
        ));
    }
    let read = scan(&format!("{{{{ {inner} }}}}"));
    let body = read.ok().and_then(|tags| tags.into_iter().next());
    match body.map(|tag| tag.body).filter(|body| !body.is_empty()) {
        Some(body) => match engine::names_engine(&body) {
            Some(false) => Ok(body),
            Some(true) => Err((engine::OWN_NAMES_TOLD.to_owned(), None)),
            None => Err(("it cannot be read; look at its quotes".to_owned(), None)),
        },
        None => Err((
            "it does not say which rows the chart shows".to_owned(),
            Some("write chart: and the name of the rows: chart: rows".to_owned()),
        )),
    }
}

/// Opens the chart beside a drawing's properties.
fn drawing(
    draft: &Draft<'_>,
    properties: usize,
    body: &str,
    charts: &mut Charts,
) -> Result<Drawing, Fault> {
    let around = draft.tokens[properties].parent;
    let last = match around {
        xml::NO_PARENT => draft.tokens.len(),
        around => draft.tokens[around].partner,
    };
    // A drawing's chart follows its own properties before any other's.
    let mut inside = (properties..last)
        .take_while(|&at| at == properties || draft.tokens[at].name != "wp:docPr");
    let named = |at: &usize| {
        let token = draft.tokens[*at];
        let begins = matches!(token.kind, Kind::Open | Kind::Empty);
        begins && token.name.rsplit(':').next() == Some("chart")
    };
    let is_new = |at: usize| {
        let around = draft.tokens[at].parent;
        around != xml::NO_PARENT && draft.tokens[around].raw.contains(NEW_CHARTS)
    };
    let Some(token) = inside.find(named) else {
        return Err((
            "there is no chart at this alternative text".to_owned(),
            Some("insert a chart in Word and write the text into its alternative text".to_owned()),
        ));
    };
    if is_new(token) {
        return Err((
            "this kind of chart cannot be filled".to_owned(),
            Some(
                "choose columns, bars, lines, a pie, an area, a radar, points or bubbles"
                    .to_owned(),
            ),
        ));
    }
    let raw = draft.tokens[token].raw;
    let Some(id) = range(raw, "r:id") else {
        return Err(("the drawing does not name its chart".to_owned(), None));
    };
    let rows = body.split(',').next().unwrap_or_default().trim();
    let is_path = rows
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let path = is_path.then(|| rows.to_owned());
    let number = charts
        .open(&raw[id.clone()], path)
        .map_err(|why| (why, None))?;
    Ok(Drawing { number, token, id })
}

/// Puts the expression where the alternative text stands, and the chart's id where the template's is.
fn fill<'a>(
    draft: &mut Draft<'a>,
    at: usize,
    value: &std::ops::Range<usize>,
    drawing: &Drawing,
    (tag, place): (Tag, Place),
) {
    let raw: &'a str = draft.tokens[at].raw;
    let pieces = vec![
        Piece::Raw(&raw[..value.start]),
        Piece::Tag(draft.tags.len()),
        Piece::Raw(&raw[value.end..]),
    ];
    draft.overrides.insert(at, (at, pieces));
    draft.tags.push(Placed {
        tag,
        place,
        token: at,
        in_run: false,
        insert: None,
    });
    let raw: &'a str = draft.tokens[drawing.token].raw;
    let pieces = vec![
        Piece::Raw(&raw[..drawing.id.start]),
        Piece::Expression(format!("{FILLED}()")),
        Piece::Raw(&raw[drawing.id.end..]),
    ];
    draft
        .overrides
        .insert(drawing.token, (drawing.token, pieces));
}

fn statement(body: String) -> Tag {
    Tag {
        start: 0,
        end: 0,
        kind: TagKind::Variable,
        lift: None,
        body,
        trim: (false, false),
    }
}

/// Where an attribute's value stands in a tag.
fn range(raw: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let (_, value) = xml::attributes(raw).find(|(found, _)| *found == name)?;
    let start = value.as_ptr() as usize - raw.as_ptr() as usize;
    Some(start..start + value.len())
}
