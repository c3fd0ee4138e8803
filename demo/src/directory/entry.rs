//! The entries, and how their names compare.

use sha2::{Digest as _, Sha256};
use spokegate_contract::hex;
use spokegate_daemon::Secret;

use super::{BASE, Content, SERVICE_DN};

/// Somebody who may sign in.
#[derive(Clone, Debug)]
pub struct Person {
    /// The sign-in name.
    pub uid: String,
    /// The name in full.
    pub name: String,
    /// The password.
    pub password: Secret,
}

/// A group of people and of other groups.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// The `uid` of each person in it.
    pub people: Vec<String>,
    /// The name of each group in it.
    pub groups: Vec<String>,
}

/// One entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) attributes: Vec<(&'static str, Vec<String>)>,
    pub(super) password: Option<Secret>,
}

/// All entries.
#[derive(Debug)]
pub(super) struct Tree {
    entries: Vec<Entry>,
}

/// Operational attributes: sent only when they are asked for by name or by `+`.
pub(super) const OPERATIONAL: [&str; 1] = ["entryUUID"];

impl Tree {
    pub(super) fn new(content: &Content) -> Self {
        let mut entries = vec![
            container(BASE, "dc", "msp"),
            unit("People"),
            unit("Groups"),
            unit("Services"),
        ];
        entries.push(Entry {
            password: Some(content.service_password.clone()),
            ..Entry::new(
                SERVICE_DN,
                "account",
                [("uid", vec!["svc-spokegate".to_owned()])],
            )
        });
        entries.extend(content.people.iter().map(person));
        entries.extend(content.groups.iter().map(group));
        Self { entries }
    }

    /// The entry with this name.
    pub(super) fn get(&self, dn: &str) -> Option<&Entry> {
        let wanted = normal(dn);
        self.entries
            .iter()
            .find(|entry| normal(&entry.dn) == wanted)
    }

    /// The entries at and below a name.
    pub(super) fn at_and_below<'a>(&'a self, base: &str) -> impl Iterator<Item = &'a Entry> {
        let base = normal(base);
        self.entries.iter().filter(move |entry| {
            let dn = normal(&entry.dn);
            dn == base
                || dn
                    .strip_suffix(&base)
                    .is_some_and(|rest| rest.ends_with(','))
        })
    }

    pub(super) fn set_membership(&mut self, uid: &str, group: &str, member: bool) {
        let (person, group) = (person_dn(uid), group_dn(group));
        let entry = self.entries.iter_mut().find(|entry| entry.dn == group);
        let members = entry.and_then(|entry| {
            entry
                .attributes
                .iter_mut()
                .find(|(name, _)| *name == "member")
        });
        if let Some((_, members)) = members {
            members.retain(|dn| *dn != person);
            if member {
                members.push(person);
            }
        }
    }
}

impl Entry {
    fn new<const N: usize>(
        dn: &str,
        class: &str,
        attributes: [(&'static str, Vec<String>); N],
    ) -> Self {
        let mut all = vec![
            ("objectClass", vec!["top".to_owned(), class.to_owned()]),
            ("entryUUID", vec![stable_id(dn)]),
        ];
        all.extend(attributes);
        Self {
            dn: dn.to_owned(),
            attributes: all,
            password: None,
        }
    }

    /// The values of an attribute; none when it is not there.
    pub(super) fn values(&self, name: &str) -> &[String] {
        let found = self
            .attributes
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map_or(&[], |(_, values)| values)
    }
}

/// Names and values compare without case, and without spaces around the commas of a name.
pub(super) fn normal(text: &str) -> String {
    text.split(',')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(",")
        .to_lowercase()
}

fn person(person: &Person) -> Entry {
    let surname = person
        .name
        .rsplit(' ')
        .next()
        .unwrap_or_default()
        .to_owned();
    let attributes = [
        ("uid", vec![person.uid.clone()]),
        ("cn", vec![person.name.clone()]),
        ("sn", vec![surname]),
        ("displayName", vec![person.name.clone()]),
        ("mail", vec![format!("{}@msp.demo", person.uid)]),
    ];
    Entry {
        password: Some(person.password.clone()),
        ..Entry::new(&person_dn(&person.uid), "inetOrgPerson", attributes)
    }
}

fn group(group: &Group) -> Entry {
    let people = group.people.iter().map(|uid| person_dn(uid));
    let groups = group.groups.iter().map(|name| group_dn(name));
    let attributes = [
        ("cn", vec![group.name.clone()]),
        ("member", people.chain(groups).collect()),
    ];
    Entry::new(&group_dn(&group.name), "groupOfNames", attributes)
}

fn unit(name: &str) -> Entry {
    container(&format!("ou={name},{BASE}"), "ou", name)
}

fn container(dn: &str, attribute: &'static str, value: &str) -> Entry {
    Entry::new(
        dn,
        "organizationalUnit",
        [(attribute, vec![value.to_owned()])],
    )
}

fn person_dn(uid: &str) -> String {
    format!("uid={uid},ou=People,{BASE}")
}

/// The name of a group's entry.
pub(crate) fn group_dn(name: &str) -> String {
    format!("cn={name},ou=Groups,{BASE}")
}

/// An entryUUID that is the same in every run, since sessions hang on it.
fn stable_id(dn: &str) -> String {
    let hash = Sha256::digest(normal(dn).as_bytes());
    let hex = hex::encode(&hash);
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!(
        "{}-{}-{}-{}-{}",
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32)
    )
}
