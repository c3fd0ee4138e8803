//! Rows that are the same whenever they are asked for, and other ones for each tenant.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::macros::format_description;

/// How many devices a tenant has when no limit is given.
const DEVICES: u32 = 24;
const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
/// The kinds of any six devices in a row, with their operating systems.
const KINDS: [(&str, &str, &str); 6] = [
    ("server", "Debian GNU/Linux", "12.9"),
    ("workstation", "Windows 11 Pro", "24H2"),
    ("laptop", "Windows 11 Pro", "23H2"),
    ("switch", "ArubaOS", "10.4.1"),
    ("printer", "Firmware", "4.11.2"),
    ("firewall", "FortiOS", "7.4.6"),
];
const JOBS: [&str; 3] = ["Nightly image", "File shares", "Databases"];

/// A tenant's data at one moment.
pub(super) struct Rows<'a> {
    pub(super) tenant: &'a str,
    pub(super) now_ms: u64,
    pub(super) limit: Option<u32>,
}

impl Rows<'_> {
    pub(super) fn devices(&self, kind: Option<&str>) -> String {
        let wanted = |index: u32| kind.is_none_or(|kind| kind_of(index).0 == kind);
        let known = kind.is_none_or(|kind| KINDS.iter().any(|(name, ..)| *name == kind));
        self.array(if known { self.limit } else { Some(0) }, wanted, |text, index| {
            let (kind, os, version) = kind_of(index);
            let (online, away) = (index % 9 != 4, u64::from(index % 9) * MINUTE_MS);
            let owner = if index % 6 == 1 || index % 6 == 2 { "Front desk" } else { "IT" };
            write!(
                text,
                r#"{{"hostname":"{}","kind":"{kind}","os":"{os}","os_version":"{version}","ip":"10.{}.{}.{}","last_seen":"{}","online":{online},"owner":"{owner}"}}"#,
                self.host(index),
                self.tenant.len() % 200 + 10,
                index / 250 % 250,
                index % 250 + 4,
                timestamp(self.now_ms - away),
            )
        })
    }

    pub(super) fn patch_status(&self, only_missing: bool) -> String {
        let wanted = |index: u32| index % 6 < 3 && (!only_missing || missing(index) > 0);
        self.array(self.limit, wanted, |text, index| {
            let (missing, pending) = (missing(index), index % 8 == 2);
            write!(
                text,
                r#"{{"hostname":"{}","missing_critical":{},"missing_important":{missing},"last_patched":"{}","reboot_pending":{pending},"compliant":{}}}"#,
                self.host(index),
                missing / 3,
                timestamp(self.now_ms - u64::from(index % 40 + 1) * DAY_MS),
                missing == 0 && !pending,
            )
        })
    }

    pub(super) fn backup_jobs(&self) -> String {
        let wanted = |index: u32| self.limit.is_some() || index % 6 < 3;
        self.array(self.limit, wanted, |text, index| {
            let (result, message) = match index % 13 {
                7 => ("failed", "Target volume is full"),
                2 => ("warning", "3 files were in use and skipped"),
                _ => ("success", ""),
            };
            write!(
                text,
                r#"{{"job":"{}","hostname":"{}","last_run":"{}","result":"{result}","size_bytes":{},"duration_s":{},"message":"{message}"}}"#,
                JOBS[(index % 3) as usize],
                self.host(index / 6 * 6),
                timestamp(self.now_ms - u64::from(index % 600 + 180) * MINUTE_MS),
                u64::from(index % 90 + 1) * 1_073_741_824,
                index % 3_000 + 90,
            )
        })
    }

    /// The rows of those indices that are wanted: as many as the limit says, else those of the tenant's own devices.
    fn array(
        &self,
        limit: Option<u32>,
        wanted: impl Fn(u32) -> bool,
        row: impl Fn(&mut String, u32) -> std::fmt::Result,
    ) -> String {
        let indices = (0..limit.map_or(DEVICES, |_| u32::MAX)).filter(|index| wanted(*index));
        let mut text = String::from("[");
        for (position, index) in indices.take(limit.unwrap_or(DEVICES) as usize).enumerate() {
            if position > 0 {
                text.push(',');
            }
            row(&mut text, index).expect("writing to a string does not fail");
        }
        text.push(']');
        text
    }

    fn host(&self, index: u32) -> String {
        format!("{}-{}-{:02}", self.tenant, kind_of(index).0, index + 1)
    }
}

fn kind_of(index: u32) -> (&'static str, &'static str, &'static str) {
    KINDS[(index % 6) as usize]
}

fn missing(index: u32) -> u32 {
    if index % 5 == 1 { index % 7 } else { 0 }
}

fn timestamp(ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let time = i64::try_from(ms / 1000)
        .ok()
        .and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_default()
}
