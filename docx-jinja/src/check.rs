//! Checks each tag by itself, so that all faults of a template are reported in one run.

mod hints;

use std::sync::Arc;

use minijinja::machinery::{CompiledTemplate, Instruction, TemplateConfig, parse};
use minijinja::{AutoEscape, Error, ErrorKind};

use crate::engine;
use crate::filters;
use crate::limits::TAG_BYTES_MAX;
use crate::locate::{Faults, Place};
use crate::prepare::{self, EXPRESSION, STATEMENT};
use crate::suggest;
use crate::tags::{Tag, TagKind};
pub(crate) use hints::for_end;

/// Reports what is wrong with a tag when read alone: syntax, unknown filters and tests.
pub(crate) fn tag(tag: &Tag, place: &Place, faults: &mut Faults) {
    if tag.kind == TagKind::Comment {
        return;
    }
    if tag.body.is_empty() {
        faults.add(place.error("the tag is empty", None));
        return;
    }
    if tag.body.len() > TAG_BYTES_MAX {
        let message = format!("the tag is longer than {TAG_BYTES_MAX} bytes");
        faults.add(place.error(message, None));
        return;
    }
    let source = match guarded(tag) {
        Ok(Some(body)) => alone(tag, &body),
        Ok(None) => return,
        Err(message) => return faults.add(place.error(message, None)),
    };
    let Some(source) = source else { return };
    let config = TemplateConfig {
        syntax_config: engine::syntax(),
        default_auto_escape: Arc::new(|_| AutoEscape::Html),
    };
    match CompiledTemplate::new("tag", &source, &config) {
        Err(error) => {
            let message = message(&error);
            let hint = hints::for_syntax(tag, &message);
            faults.add(place.error(message, hint));
        }
        Ok(compiled) => {
            names(&compiled, place, faults);
            patterns(&compiled, place, faults);
        }
    }
}

/// The tag's body with bounds around its operators; none for tags that mean nothing alone.
///
/// # Errors
/// An expression that cannot be bounded.
pub(crate) fn guarded(tag: &Tag) -> Result<Option<String>, &'static str> {
    let Some(source) = alone(tag, &tag.body) else {
        return Ok(None);
    };
    let at = source
        .find(&format!(" {} ", tag.body))
        .map(|at| at + 1)
        .unwrap_or(0);
    prepare::operators(&source, at, &tag.body).map(Some)
}

/// True for a tag that can be read alone.
pub(crate) fn reads_alone(tag: &Tag) -> bool {
    let Some(source) = alone(tag, &tag.body) else {
        return false;
    };
    !tag.body.is_empty() && parse(&source, "tag", engine::syntax()).is_ok()
}

/// The tag with this body as a template of its own.
fn alone(tag: &Tag, body: &str) -> Option<String> {
    let (open, close) = STATEMENT;
    if tag.kind == TagKind::Variable {
        return Some(format!("{} {body} {}", EXPRESSION.0, EXPRESSION.1));
    }
    let keyword = tag.keyword();
    match keyword {
        "for" | "if" | "with" | "macro" | "call" | "filter" => {
            Some(format!("{open} {body} {close}{open} end{keyword} {close}"))
        }
        "set" if tag.rest().contains('=') => Some(format!("{open} {body} {close}")),
        "set" => Some(format!("{open} {body} {close}{open} endset {close}")),
        "elif" => Some(format!(
            "{open} if 1 {close}{open} {body} {close}{open} endif {close}"
        )),
        "else" => Some(format!(
            "{open} if 1 {close}{open} {body} {close}{open} endif {close}"
        )),
        _ => None,
    }
}

/// minijinja's message without its name for the template.
pub(crate) fn message(error: &Error) -> String {
    match error.detail() {
        Some(detail) => detail.replace(['\u{1}', '\u{2}', '\u{3}', '\u{4}'], ""),
        None => error.kind().to_string(),
    }
}

/// An error of a filter, and the next step that it has to offer.
pub(crate) fn told(error: &Error) -> (String, Option<String>) {
    let message = message(error);
    match message.split_once("\nhint: ") {
        Some((what, next)) => (what.to_owned(), Some(next.to_owned())),
        None => (message, None),
    }
}

fn names(compiled: &CompiledTemplate<'_>, place: &Place, faults: &mut Faults) {
    let mut index = 0;
    while let Some(instruction) = compiled.instructions.get(index) {
        index += 1;
        match instruction {
            Instruction::ApplyFilter(name, ..) if !has_filter(name) => {
                let hint = suggest::closest(name, engine::FILTERS.iter().copied());
                let hint = hint.map(|found| format!("did you mean {found}?"));
                faults.add(place.error(format!("there is no filter \"{name}\""), hint));
            }
            Instruction::PerformTest(name, ..) if !has_test(name) => {
                let hint = suggest::closest(name, engine::TESTS.iter().copied());
                let hint = hint.map(|found| format!("did you mean {found}?"));
                faults.add(place.error(format!("there is no test \"{name}\""), hint));
            }
            _ => {}
        }
    }
}

/// Reports patterns of dates that are written in the tag and cannot be read.
fn patterns(compiled: &CompiledTemplate<'_>, place: &Place, faults: &mut Faults) {
    let before = |at: usize, steps: usize| {
        let at = u32::try_from(at)
            .ok()?
            .checked_sub(u32::try_from(steps).ok()?)?;
        compiled.instructions.get(at)
    };
    let mut index = 0;
    while let Some(instruction) = compiled.instructions.get(index) {
        let at = index as usize;
        index += 1;
        let Instruction::ApplyFilter("date" | "datetime", Some(2), _) = instruction else {
            continue;
        };
        let pattern = match (before(at, 1), before(at, 2), before(at, 3)) {
            (Some(Instruction::LoadConst(value)), _, _) if value.is_kwargs() => {
                value.get_attr("format").ok()
            }
            (Some(Instruction::LoadConst(value)), _, _) => Some(value.clone()),
            (
                Some(Instruction::BuildKwargs(1)),
                Some(Instruction::LoadConst(value)),
                Some(Instruction::LoadConst(name)),
            ) if name.as_str() == Some("format") => Some(value.clone()),
            _ => None,
        };
        let checked = pattern.as_ref().and_then(|pattern| pattern.as_str());
        if let Some(Err(error)) = checked.map(filters::readable) {
            let (message, hint) = told(&error);
            faults.add(place.error(message, hint));
        }
    }
}

fn has_filter(name: &str) -> bool {
    let mut state = engine::base().empty_state();
    !matches!(state.apply_filter(name, &[]), Err(error) if error.kind() == ErrorKind::UnknownFilter)
}

fn has_test(name: &str) -> bool {
    let mut state = engine::base().empty_state();
    !matches!(state.perform_test(name, &[]), Err(error) if error.kind() == ErrorKind::UnknownTest)
}
