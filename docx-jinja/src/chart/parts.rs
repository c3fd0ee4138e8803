//! Chart parts of a template: found by the drawings that show them, filled by `__chart`, copied where a loop shows
//! them again.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use minijinja::value::Kwargs;
use minijinja::{Environment, Error, ErrorKind, State, Value};

use super::links::{self, WORKBOOK_ID, targets, with_workbook, workbook_id};
use super::{Columns, Texts, data, rewrite};
use crate::additions::{self, Original, RELATIONSHIPS_TYPE};
use crate::budget::{self, refused};
use crate::filters::given;
use crate::shape::absent::is_left_out;
use crate::tags::Tag;
use crate::values::text_option;
use crate::workbook;

/// Fills a chart; gives the drawing's alternative text.
pub(crate) const FILL: &str = "__chart";
/// The option that holds what the tags in a chart's texts say.
pub(crate) const TEXTS: &str = "__texts";
/// The relationship of the chart that was filled last.
pub(crate) const FILLED: &str = "__chart_id";

const CHART_TYPE: &str = "application/vnd.openxmlformats-officedocument.drawingml.chart+xml";
/// What new entries are called like.
const CHART_HINT: &str = "word/charts/chart.xml";
const WORKBOOK_HINT: &str = "word/embeddings/workbook.xlsx";
/// Looks that Word offers when a chart is edited; a copy does without.
const LOOKS: [&str; 2] = ["/chartStyle", "/chartColorStyle"];

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A chart of the template that is to be filled.
#[derive(Debug)]
struct Chart {
    entry: String,
    xml: String,
    /// The id that the part around it knows it by.
    id: String,
    /// The path that its rows are read from, when they are no more than that.
    path: Option<String>,
    texts: Texts,
    /// Its relationships, as they stand in the template.
    relationships: Option<String>,
    /// The id and the entry of its workbook.
    workbook: Option<(String, String)>,
}

/// The charts of a template.
#[derive(Debug)]
pub(crate) struct Charts {
    original: Arc<Original>,
    /// The entry whose drawings are read.
    part: String,
    /// Where its relationships lead, by their ids, once that was asked.
    around: Option<HashMap<String, String>>,
    found: Vec<Chart>,
    /// Entries that were looked at.
    seen: HashSet<String>,
}

impl Charts {
    pub(crate) fn new(original: &Arc<Original>) -> Self {
        Self {
            original: Arc::clone(original),
            part: String::new(),
            around: None,
            found: Vec::new(),
            seen: HashSet::new(),
        }
    }

    /// Says which entry's drawings are read from now on.
    pub(crate) fn enter(&mut self, entry: &str) {
        entry.clone_into(&mut self.part);
        self.around = None;
    }

    /// Opens the chart that the current entry knows by this id; gives its number.
    ///
    /// # Errors
    /// Why it cannot be filled.
    pub(crate) fn open(&mut self, id: &str, path: Option<String>) -> Result<usize, String> {
        const LOST: &str = "the chart is not in the package; insert it again in Word";
        let around = self.around.get_or_insert_with(|| {
            let text = self.original.relationships(&self.part);
            targets(&self.part, &text.unwrap_or_default())
        });
        let entry = around.get(id).ok_or(LOST)?.clone();
        if !self.seen.insert(entry.clone()) {
            return Err("another drawing shows the same chart; copy the chart in Word".to_owned());
        }
        let xml = self.original.text(&entry).ok_or(LOST)?;
        rewrite::check(&xml)?;
        let texts = Texts::read(&xml).map_err(|(tag, why)| format!("{tag} in the chart: {why}"))?;
        let relationships = self.original.relationships(&entry);
        let workbook = match workbook_id(&xml) {
            None => None,
            Some(id) => {
                let known = targets(&entry, relationships.as_deref().unwrap_or_default());
                let found = known.get(&id).cloned();
                let found = found.filter(|found| self.original.bytes(found).is_some());
                let found = found.ok_or("the chart's workbook is not in the package")?;
                if !found.to_ascii_lowercase().ends_with(".xlsx") {
                    return Err(format!(
                        "the chart's numbers are in {found}, not in an .xlsx workbook; make the chart again in Word"
                    ));
                }
                Some((id, found))
            }
        };
        self.found.push(Chart {
            entry,
            xml,
            id: id.to_owned(),
            path,
            texts,
            relationships,
            workbook,
        });
        Ok(self.found.len() - 1)
    }

    /// The tags in the texts of a chart that was opened.
    pub(crate) fn texts(&self, number: usize) -> &[Tag] {
        self.found
            .get(number)
            .map_or(&[], |chart| chart.texts.tags())
    }

    /// True for the entry of a chart that was opened.
    pub(crate) fn holds(&self, entry: &str) -> bool {
        self.found.iter().any(|chart| chart.entry == entry)
    }

    /// Lets prepared sources fill these charts.
    pub(crate) fn register(self, environment: &mut Environment<'static>) {
        let charts = self.found;
        let fill = move |state: &mut State, number: usize, mut value: Value, kwargs: Kwargs| {
            if is_left_out(state, &value) {
                value = Value::from(Vec::<Value>::new());
            }
            for name in kwargs.args() {
                given(state, &kwargs.peek::<Value>(name)?)?;
            }
            let chart = chart(&charts, number)?;
            let (alternative, id) = chart.fill(state, &value, &kwargs)?;
            LAST.replace(id);
            Ok::<_, Error>(alternative)
        };
        environment.add_function(FILL, fill);
        environment.add_function(FILLED, || LAST.take());
    }
}

fn chart(charts: &[Chart], number: usize) -> Result<&Chart, Error> {
    let chart = charts.get(number);
    chart.ok_or_else(|| refused("there is no such chart".to_owned()))
}

/// Adds a chart that has no workbook yet; gives its relationship's id.
pub(super) fn add(xml: &str, workbook: Vec<u8>) -> Result<String, Error> {
    let book = additions::part(WORKBOOK_HINT, workbook::CONTENT_TYPE, workbook.into())?;
    let xml = with_workbook(xml).into_bytes();
    let name = additions::part(CHART_HINT, CHART_TYPE, xml.into())?;
    let relationships = links::with(None, (WORKBOOK_ID, &book), &[]);
    let entry = additions::relationships_entry(&name);
    additions::put(
        &entry,
        RELATIONSHIPS_TYPE,
        relationships.into_bytes().into(),
    )?;
    additions::relationship("chart", &name)
}

impl Chart {
    /// Writes the chart and its workbook; gives the alternative text and the relationship's id.
    fn fill(
        &self,
        state: &mut State,
        value: &Value,
        kwargs: &Kwargs,
    ) -> Result<(String, String), Error> {
        budget::check_time()?;
        let columns = Columns::read(kwargs)?;
        let title = text_option(kwargs, "title")?;
        let alternative = text_option(kwargs, "alt")?;
        let mut said = kwargs.get::<Option<Vec<Value>>>(TEXTS)?.unwrap_or_default();
        for value in said.iter_mut().filter(|value| is_left_out(state, value)) {
            *value = Value::from(());
        }
        kwargs.assert_all_used()?;
        if let (true, Some(path)) = (value.is_undefined(), &self.path) {
            let message = format!("undefined value `{path}`");
            return Err(Error::new(ErrorKind::UndefinedError, message));
        }
        let shown = data::read(value, &columns)?;
        let xml = self.texts.write(&self.xml, &said)?;
        let rewritten = rewrite::rewrite(&xml, &shown, title.as_deref()).map_err(refused)?;
        budget::charge(rewritten.xml.len())?;
        let bytes = rewritten.sheet.workbook();
        let bytes = bytes.map_err(|error| refused(format!("the chart's workbook: {error}")))?;
        let id = if additions::is_replaced(&self.entry) {
            self.copy(rewritten.xml, bytes)?
        } else {
            self.replace(rewritten.xml, bytes)?;
            self.id.clone()
        };
        let alternative = alternative.or(title).unwrap_or_else(|| shown.names());
        Ok((alternative, id))
    }

    /// Fills the template's own chart.
    fn replace(&self, xml: String, workbook: Vec<u8>) -> Result<(), Error> {
        let Some((_, entry)) = &self.workbook else {
            let name = additions::part(WORKBOOK_HINT, workbook::CONTENT_TYPE, workbook.into())?;
            let relationships = self.relationships(&name, &[]);
            let entry = additions::relationships_entry(&self.entry);
            if self.relationships.is_some() {
                additions::replace(&entry, relationships.into_bytes().into())?;
            } else {
                additions::put(
                    &entry,
                    RELATIONSHIPS_TYPE,
                    relationships.into_bytes().into(),
                )?;
            }
            return additions::replace(&self.entry, with_workbook(&xml).into_bytes().into());
        };
        additions::replace(entry, workbook.into())?;
        additions::replace(&self.entry, xml.into_bytes().into())
    }

    /// Adds a chart like the template's; gives its relationship's id.
    fn copy(&self, xml: String, workbook: Vec<u8>) -> Result<String, Error> {
        let book = additions::part(WORKBOOK_HINT, workbook::CONTENT_TYPE, workbook.into())?;
        let xml = match self.workbook {
            Some(_) => xml,
            None => with_workbook(&xml),
        };
        let name = additions::part(CHART_HINT, CHART_TYPE, xml.into_bytes().into())?;
        let relationships = self.relationships(&book, &LOOKS);
        let entry = additions::relationships_entry(&name);
        additions::put(
            &entry,
            RELATIONSHIPS_TYPE,
            relationships.into_bytes().into(),
        )?;
        additions::relationship("chart", &name)
    }

    /// The chart's relationships with this workbook, without those whose type ends so.
    fn relationships(&self, workbook: &str, without: &[&str]) -> String {
        let id = self.workbook.as_ref().map_or(WORKBOOK_ID, |(id, _)| id);
        links::with(self.relationships.as_deref(), (id, workbook), without)
    }
}
