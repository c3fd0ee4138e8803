//! What one render may still use: time, and text made by its tags. Kept per thread, because filters and the
//! formatter of minijinja are shared by all renders of a template.

use std::cell::Cell;
use std::time::{Duration, Instant};

use minijinja::{Error, ErrorKind};

use crate::limits::{INSERT_BYTES_MAX, Limits, MADE_BYTES_MAX, TEXT_BYTES_MAX};

#[derive(Clone, Copy)]
struct Budget {
    deadline: Instant,
    render_ms: u64,
    made_bytes: u64,
}

/// Of so many quick steps one looks at the clock.
const STEPS_PER_LOOK: u32 = 16;

thread_local! {
    static STEPS: Cell<u32> = const { Cell::new(0) };
    static BUDGET: Cell<Option<Budget>> = const { Cell::new(None) };
}

/// Gives the thread its former budget back when a render ends: a lazy value may itself render.
pub(crate) struct Guard(Option<Budget>);

impl Drop for Guard {
    fn drop(&mut self) {
        BUDGET.set(self.0);
    }
}

/// Starts the budget of a render.
pub(crate) fn start(limits: &Limits) -> Guard {
    let budget = Budget {
        deadline: Instant::now() + Duration::from_millis(limits.render_ms),
        render_ms: limits.render_ms,
        made_bytes: 0,
    };
    Guard(BUDGET.replace(Some(budget)))
}

/// True when the time of the current render is over.
pub(crate) fn is_late() -> bool {
    BUDGET
        .get()
        .is_some_and(|budget| Instant::now() > budget.deadline)
}

/// Fails when the time is over.
pub(crate) fn check_time() -> Result<(), Error> {
    match BUDGET.get() {
        Some(budget) if Instant::now() > budget.deadline => Err(refused(format!(
            "the document takes longer than {} ms; look for a loop inside a loop",
            budget.render_ms
        ))),
        _ => Ok(()),
    }
}

/// As [`check_time`], for steps that are quick and many.
pub(crate) fn step() -> Result<(), Error> {
    let steps = STEPS.get().wrapping_add(1);
    STEPS.set(steps);
    if steps.is_multiple_of(STEPS_PER_LOOK) {
        check_time()
    } else {
        Ok(())
    }
}

/// Counts text made by a tag.
pub(crate) fn charge(bytes: usize) -> Result<(), Error> {
    if bytes > TEXT_BYTES_MAX {
        return Err(refused(format!(
            "the text is larger than {TEXT_BYTES_MAX} bytes"
        )));
    }
    count(bytes)
}

/// Counts markup that a value becomes.
pub(crate) fn charge_markup(bytes: usize) -> Result<(), Error> {
    if bytes > INSERT_BYTES_MAX {
        return Err(refused(format!(
            "the value becomes more than {INSERT_BYTES_MAX} bytes of markup"
        )));
    }
    count(bytes)
}

fn count(bytes: usize) -> Result<(), Error> {
    let Some(mut budget) = BUDGET.get() else {
        return Ok(());
    };
    budget.made_bytes += bytes as u64;
    BUDGET.set(Some(budget));
    if budget.made_bytes > MADE_BYTES_MAX {
        return Err(refused(format!(
            "the tags make more than {MADE_BYTES_MAX} bytes of text in all; look for a loop inside a loop"
        )));
    }
    Ok(())
}

/// The error for a limit that was passed.
pub(crate) fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
