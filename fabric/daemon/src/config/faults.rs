//! Faults of a configuration, in words for the person who wrote it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;

use super::Section;

/// The origin of a key that no layer has set.
const DEFAULTS: &str = "defaults";

/// One fault: where, what, what is allowed, and a next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    origin: String,
    key: String,
    what: String,
    allowed: Option<String>,
    hint: Option<String>,
}

impl Fault {
    /// Says what is allowed.
    pub fn allowed(&mut self, allowed: impl Into<String>) -> &mut Self {
        self.allowed = Some(allowed.into());
        self
    }

    /// Says what to do next.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Self {
        self.hint = Some(hint.into());
        self
    }

    /// The line in the file, 0 for the file as a whole; faults of other layers come after it.
    fn line_in(&self, file: &str) -> usize {
        match self.origin.strip_prefix(file) {
            Some("") => 0,
            Some(line) => line
                .strip_prefix(':')
                .and_then(|line| line.parse().ok())
                .unwrap_or(usize::MAX),
            None => usize::MAX,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [&self.origin, &self.key];
        for part in parts.into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{part}: ")?;
        }
        f.write_str(&self.what)?;
        for (label, text) in [("allowed", &self.allowed), ("hint", &self.hint)] {
            if let Some(text) = text {
                write!(f, "\n  {label}: {text}")?;
            }
        }
        Ok(())
    }
}

/// Collects faults. Keys given to it are relative to the section that is being checked.
#[derive(Debug)]
pub struct Faults {
    service: String,
    section: String,
    origins: BTreeMap<String, String>,
    at_fault: BTreeSet<String>,
    found: Vec<Fault>,
    dropped: Fault,
}

impl Faults {
    pub(super) fn new(prefix: &str) -> Self {
        let service = prefix
            .trim_start_matches("SPOKEGATE_")
            .to_lowercase()
            .replace('_', "-");
        Self {
            service,
            section: String::new(),
            origins: BTreeMap::new(),
            at_fault: BTreeSet::new(),
            found: Vec::new(),
            dropped: Fault {
                origin: String::new(),
                key: String::new(),
                what: String::new(),
                allowed: None,
                hint: None,
            },
        }
    }

    /// Adds a fault at a key of the section being checked, or at the section itself when `key` is
    /// empty. Items of lists are written `listener[0].address`. A key that is already at fault
    /// is not told twice.
    pub fn add(&mut self, key: &str, what: impl Into<String>) -> &mut Fault {
        let key = join(&self.section, key);
        if self.at_fault.contains(&key) {
            return &mut self.dropped;
        }
        let origin = self.origin(&key);
        self.add_at(origin, &key, what)
    }

    /// Checks a number against the smallest and the largest that are allowed; gives the fault where it is neither.
    pub fn bounds<N: PartialOrd + fmt::Display>(
        &mut self,
        key: &str,
        value: N,
        allowed: RangeInclusive<N>,
    ) -> Option<&mut Fault> {
        if allowed.contains(&value) {
            return None;
        }
        let words = format!("{} to {}", allowed.start(), allowed.end());
        Some(self.add(key, format!("is {value}")).allowed(words))
    }

    /// Checks a nested section; its keys are then below `section`.
    pub fn within<S: Section>(&mut self, section: &str, value: &S) {
        let outer = self.section.clone();
        self.section = join(&outer, section);
        value.validate(self);
        self.section = outer;
    }

    /// True when no fault was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(super) fn add_at(
        &mut self,
        origin: impl Into<String>,
        key: &str,
        what: impl Into<String>,
    ) -> &mut Fault {
        self.at_fault.insert(key.to_owned());
        self.found.push(Fault {
            origin: origin.into(),
            key: key.to_owned(),
            what: what.into(),
            allowed: None,
            hint: None,
        });
        self.found.last_mut().expect("one was just pushed")
    }

    pub(super) fn remember(&mut self, key: &str, origin: String) {
        self.origins.insert(key.to_owned(), origin);
    }

    pub(super) fn is_at_fault(&self, key: &str) -> bool {
        self.at_fault.contains(key)
    }

    /// Where the key was set: its own place, else that of the nearest table around it.
    pub(super) fn origin(&self, key: &str) -> String {
        let mut rest = key;
        loop {
            if let Some(origin) = self.origins.get(rest) {
                return origin.clone();
            }
            match rest.rfind(['.', '[']) {
                Some(end) => rest = &rest[..end],
                None => return DEFAULTS.to_owned(),
            }
        }
    }

    /// Where a missing key should have been set: the table around it, else the file.
    pub(super) fn origin_of_missing(&self, key: &str) -> String {
        match (self.origin(key), self.origins.get("")) {
            (origin, Some(file)) if origin == DEFAULTS => file.clone(),
            (origin, None) if origin == DEFAULTS => "configuration".to_owned(),
            (origin, _) => origin,
        }
    }

    pub(super) fn finish(self) -> Result<(), ConfigFaults> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(self.into_faults())
        }
    }

    pub(super) fn into_faults(mut self) -> ConfigFaults {
        let file = self.origins.get("").cloned().unwrap_or_default();
        self.found.sort_by_key(|fault| fault.line_in(&file));
        ConfigFaults {
            service: self.service,
            faults: self.found,
        }
    }
}

pub(super) fn join(section: &str, key: &str) -> String {
    match (section.is_empty(), key.is_empty()) {
        (true, _) => key.to_owned(),
        (_, true) => section.to_owned(),
        _ => format!("{section}.{key}"),
    }
}

/// All faults of one configuration. Its `Display` is the whole text for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFaults {
    service: String,
    faults: Vec<Fault>,
}

impl ConfigFaults {
    /// The faults: those of the file by line, then those of other layers.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.faults.len();
        let plural = if count == 1 { "fault" } else { "faults" };
        write!(
            f,
            "the configuration of spokegate-{} has {count} {plural}:",
            self.service
        )?;
        for fault in &self.faults {
            write!(f, "\n{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}
