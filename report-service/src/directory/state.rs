//! What an entry says about its account, as far as attributes tell: for a lock that has several causes, and for the
//! administrator who asks why somebody cannot sign in.

use super::account::Refused;
use super::dialect::{Dialect, WINDOWS_EPOCH_MS};
use super::ldap::Entry;
use time::PrimitiveDateTime;
use time::macros::format_description;

/// Flags of `userAccountControl` and of its computed twin (MS-ADTS 2.2.16, MS-ADA2 2.468).
const FLAGS: [(u64, &str); 5] = [
    (0x2, "is disabled"),
    (0x10, "is locked after wrong passwords"),
    (0x20, "needs no password"),
    (0x1_0000, "has a password that never expires"),
    (0x80_0000, "has an expired password"),
];
/// `pwdAccountLockedTime` of an account that an administrator has closed for good.
pub(super) const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// What is read to describe the state of an account.
pub(super) const STATE_ATTRIBUTES: [&str; 13] = [
    "userAccountControl",
    "msDS-User-Account-Control-Computed",
    "accountExpires",
    "lockoutTime",
    "badPwdCount",
    "pwdLastSet",
    "logonHours",
    "userWorkstations",
    "pwdAccountLockedTime",
    "pwdReset",
    "pwdChangedTime",
    "pwdStartTime",
    "pwdEndTime",
];

/// `OpenLDAP` answers "locked" to several states; the entry tells which.
pub(super) fn why_locked(dialect: &Dialect, entry: &Entry, now_ms: u64) -> Refused {
    if !matches!(dialect, Dialect::Plain) {
        return Refused::Locked;
    }
    if entry.text("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD) {
        Refused::Disabled
    } else if ends_before(entry, now_ms) {
        Refused::AccountExpired
    } else if moment(entry.text("pwdStartTime")).is_some_and(|start| start > now_ms) {
        Refused::NotNow
    } else {
        Refused::Locked
    }
}

/// True when the account's own end has passed.
pub(super) fn ends_before(entry: &Entry, now_ms: u64) -> bool {
    moment(entry.text("pwdEndTime")).is_some_and(|end| end <= now_ms)
}

/// One sentence for each thing that the attributes say.
pub(super) fn sentences(dialect: &Dialect, entry: &Entry, now_ms: u64) -> Vec<String> {
    let mut told = match dialect {
        Dialect::ActiveDirectory { .. } => active_directory(entry),
        Dialect::Plain => plain(entry),
    };
    if dialect.is_closed(entry, now_ms) {
        told.push("The account is closed: its sessions end at the next check.".to_owned());
    }
    if told.is_empty() {
        told.push("The attributes that can be read say nothing against a sign-in.".to_owned());
    }
    told
}

fn active_directory(entry: &Entry) -> Vec<String> {
    let number = |name| entry.text(name).and_then(|text| text.parse::<u64>().ok());
    let flags = number("userAccountControl").unwrap_or(0)
        | number("msDS-User-Account-Control-Computed").unwrap_or(0);
    let mut told: Vec<String> = FLAGS
        .iter()
        .filter(|(flag, _)| flags & flag != 0)
        .map(|(_, words)| format!("The account {words}."))
        .collect();
    if let Some(expires) = number("accountExpires").filter(|ticks| is_moment(*ticks)) {
        told.push(format!("The account expires on {}.", from_ticks(expires)));
    }
    if let Some(locked) = number("lockoutTime").filter(|ticks| is_moment(*ticks)) {
        told.push(format!(
            "The directory locked it on {}.",
            from_ticks(locked)
        ));
    }
    if number("pwdLastSet") == Some(0) {
        told.push("The password must be changed before the next sign-in.".to_owned());
    }
    if let Some(count) = number("badPwdCount").filter(|count| *count > 0) {
        told.push(format!("The directory counts {count} wrong passwords."));
    }
    if entry
        .bytes("logonHours")
        .is_some_and(|hours| hours.iter().any(|byte| *byte != 0xff))
    {
        told.push("Sign-in is limited to certain hours.".to_owned());
    }
    if entry.bytes("userWorkstations").is_some() {
        told.push("Sign-in is limited to certain computers.".to_owned());
    }
    told
}

fn plain(entry: &Entry) -> Vec<String> {
    let mut told = Vec::new();
    match entry.text("pwdAccountLockedTime") {
        Some(LOCKED_FOR_GOOD) => told.push("An administrator has closed the account.".to_owned()),
        Some(since) => told.push(format!("The directory locked it at {since}.")),
        None => {}
    }
    if entry.text("pwdReset") == Some("TRUE") {
        told.push("The password must be changed before the next sign-in.".to_owned());
    }
    for (attribute, words) in [
        ("pwdChangedTime", "The password was last changed at"),
        ("pwdStartTime", "The account begins at"),
        ("pwdEndTime", "The account ends at"),
    ] {
        if let Some(at) = entry.text(attribute) {
            told.push(format!("{words} {at}."));
        }
    }
    told
}

/// 100 ns from 1601; 0 and the largest number mean never.
fn is_moment(ticks: u64) -> bool {
    ticks != 0 && ticks < 0x7fff_ffff_ffff_ffff
}

fn from_ticks(ticks: u64) -> String {
    crate::text::when((ticks / 10_000).saturating_sub(WINDOWS_EPOCH_MS))
}

/// A generalized time in UTC (RFC 4517 §3.3.13), as Unix milliseconds.
fn moment(text: Option<&str>) -> Option<u64> {
    let digits = text?.strip_suffix('Z')?;
    let digits = digits.split('.').next()?;
    let form = format_description!("[year][month][day][hour][minute][second]");
    let at = PrimitiveDateTime::parse(digits, &form).ok()?.assume_utc();
    u64::try_from(at.unix_timestamp())
        .ok()
        .map(|seconds| seconds.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(pairs: &[(&str, &str)]) -> Entry {
        Entry::of("uid=x", pairs)
    }

    #[test]
    fn a_lock_has_the_cause_that_the_entry_tells() {
        let ad = Dialect::ActiveDirectory {
            dns_name: String::new(),
            short_name: String::new(),
        };
        // 2026-11-22T00:00:00Z
        let now_ms = 1_795_305_600_000;
        let check = |dialect: &Dialect, pairs: &[(&str, &str)], expected| {
            assert_eq!(
                why_locked(dialect, &entry(pairs), now_ms),
                expected,
                "{pairs:?}"
            );
        };
        let plain = &Dialect::Plain;
        check(plain, &[], Refused::Locked);
        check(
            plain,
            &[("pwdAccountLockedTime", "20261121230000Z")],
            Refused::Locked,
        );
        check(
            plain,
            &[("pwdAccountLockedTime", "000001010000Z")],
            Refused::Disabled,
        );
        check(
            plain,
            &[("pwdEndTime", "20261121000000Z")],
            Refused::AccountExpired,
        );
        check(plain, &[("pwdEndTime", "20261123000000Z")], Refused::Locked);
        check(
            plain,
            &[("pwdStartTime", "20261123000000.123Z")],
            Refused::NotNow,
        );
        check(
            plain,
            &[("pwdStartTime", "20261121000000Z")],
            Refused::Locked,
        );
        check(plain, &[("pwdEndTime", "soon")], Refused::Locked);
        check(
            &ad,
            &[("pwdAccountLockedTime", "000001010000Z")],
            Refused::Locked,
        );
    }

    #[test]
    fn attributes_become_sentences() {
        let ad = Dialect::ActiveDirectory {
            dns_name: String::new(),
            short_name: String::new(),
        };
        let check = |dialect: &Dialect, pairs: &[(&str, &str)], words: &str| {
            let told = sentences(dialect, &entry(pairs), 1_795_305_600_000).join(" ");
            assert!(told.contains(words), "{told}");
        };
        check(&ad, &[("userAccountControl", "514")], "is disabled");
        check(&ad, &[("userAccountControl", "512")], "say nothing against");
        check(
            &ad,
            &[("msDS-User-Account-Control-Computed", "16")],
            "is locked after wrong passwords",
        );
        check(&ad, &[("pwdLastSet", "0")], "must be changed");
        check(
            &ad,
            &[("accountExpires", "133000000000000000")],
            "expires on 18 Jun 2022",
        );
        check(
            &Dialect::Plain,
            &[("pwdAccountLockedTime", LOCKED_FOR_GOOD)],
            "has closed the account",
        );
        check(&Dialect::Plain, &[("pwdReset", "TRUE")], "must be changed");
    }
}
