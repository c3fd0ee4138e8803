//! Which of the configured groups a person is in, through any number of levels.

use super::dn::Dn;
use super::ldap::{Connection, Depth, Fault, Query, filter_value};
use std::collections::{BTreeSet, HashSet};

/// Levels of groups within groups that are followed.
const DEPTH_MAX: usize = 10;
/// Groups that one person may be in.
const GROUPS_MAX: usize = 1_000;
/// Names asked for in one filter.
const NAMES_PER_FILTER: usize = 20;
/// Entries that one configured name may match before it counts as ambiguous.
const MATCHES_MAX: usize = 2_000;

/// A configured group as found in the directory.
#[derive(Clone, Debug)]
pub(super) struct KnownGroup {
    /// As configured; what sessions and reports compare.
    pub(super) name: String,
    /// Its name as the directory writes it.
    pub(super) text: String,
    dn: Dn,
    /// AD's identifier, which a person's `tokenGroups` lists.
    sid: Option<Vec<u8>>,
}

/// The configured groups that somebody is in, and how that was found out.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    /// Spelt as configured.
    pub(super) groups: Vec<String>,
    pub(super) trail: Trail,
}

/// The way to a membership.
#[derive(Clone, Debug)]
pub(super) enum Trail {
    /// AD listed so many identifiers.
    Token(usize),
    /// The groups of each level, as the directory writes their names.
    Walk(Vec<Vec<String>>),
}

impl KnownGroup {
    /// The level of a walk, from 1, at which this group was reached.
    pub(super) fn level(&self, levels: &[Vec<String>]) -> Option<usize> {
        let is_it = |name: &String| Dn::parse(name).as_ref() == Some(&self.dn);
        levels
            .iter()
            .position(|level| level.iter().any(is_it))
            .map(|index| index + 1)
    }
}

/// Finds the configured groups. A name that matches no group or several gives nobody anything, and is logged.
pub(super) async fn resolve(
    connection: &mut Connection,
    base: &str,
    names: &[String],
) -> Result<Vec<KnownGroup>, Fault> {
    let mut known = Vec::new();
    for some in names.chunks(NAMES_PER_FILTER) {
        let wanted: String = some
            .iter()
            .map(|name| match Dn::parse(name) {
                Some(_) => format!("(entryDN={0})(distinguishedName={0})", filter_value(name)),
                None => format!("(cn={})", filter_value(name)),
            })
            .collect();
        let classes = "(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)";
        let query = Query {
            base,
            depth: Depth::Subtree,
            filter: &format!("(&(|{classes})(|{wanted}))"),
            attributes: &["cn", "objectSid"],
            entries_max: MATCHES_MAX,
        };
        let entries = connection.search(&query).await?;
        for name in some {
            let as_dn = Dn::parse(name);
            let mut matching = entries.iter().filter(|entry| match &as_dn {
                Some(dn) => Dn::parse(&entry.dn).as_ref() == Some(dn),
                None => entry.all("cn").iter().any(|cn| same_text(cn, name)),
            });
            match (matching.next(), matching.next()) {
                (Some(entry), None) => {
                    let sid = entry.bytes("objectSid").map(<[u8]>::to_vec);
                    known.extend(Dn::parse(&entry.dn).map(|dn| KnownGroup {
                        name: name.clone(),
                        text: entry.dn.clone(),
                        dn,
                        sid,
                    }));
                }
                (None, _) => {
                    tracing::warn!(group = name, "a configured group is not in the directory")
                }
                (Some(_), Some(_)) => {
                    tracing::warn!(
                        group = name,
                        "several groups have this name, hint: configure the whole DN"
                    );
                }
            }
        }
    }
    Ok(known)
}

/// AD: the server works out all groups, the primary one and nested ones included; compared by identifier.
pub(super) async fn by_token(
    connection: &mut Connection,
    person_dn: &str,
    known: &[KnownGroup],
) -> Result<Membership, Fault> {
    let query = Query {
        base: person_dn,
        depth: Depth::Base,
        filter: "(objectClass=*)",
        attributes: &["tokenGroups"],
        entries_max: 1,
    };
    let entries = connection.search(&query).await?;
    let sids: HashSet<&[u8]> = entries
        .iter()
        .flat_map(|entry| entry.all("tokenGroups"))
        .map(Vec::as_slice)
        .collect();
    if sids.is_empty() {
        tracing::warn!(
            "the directory lists no groups at all for a person, hint: add the service account to the group \
             \"Windows Authorization Access Group\""
        );
    }
    let is_in = |group: &&KnownGroup| group.sid.as_deref().is_some_and(|sid| sids.contains(sid));
    Ok(Membership {
        groups: known
            .iter()
            .filter(is_in)
            .map(|group| group.name.clone())
            .collect(),
        trail: Trail::Token(sids.len()),
    })
}

/// Elsewhere: level by level from the person upwards, each group once.
pub(super) async fn by_walk(
    connection: &mut Connection,
    base: &str,
    person_dn: &str,
    person_name: &str,
    known: &[KnownGroup],
) -> Result<Membership, Fault> {
    let mut levels: Vec<Vec<String>> = Vec::new();
    let mut seen: BTreeSet<Dn> = BTreeSet::new();
    let mut level = vec![person_dn.to_owned()];
    for depth in 0..DEPTH_MAX {
        let mut next = Vec::new();
        for some in level.chunks(NAMES_PER_FILTER) {
            let mut members: String = some
                .iter()
                .map(|dn| format!("(member={0})(uniqueMember={0})", filter_value(dn)))
                .collect();
            if depth == 0 {
                members.push_str(&format!("(memberUid={})", filter_value(person_name)));
            }
            let query = Query {
                base,
                depth: Depth::Subtree,
                filter: &format!("(|{members})"),
                attributes: &["1.1"],
                entries_max: GROUPS_MAX,
            };
            for entry in connection.search(&query).await? {
                if seen.len() < GROUPS_MAX && Dn::parse(&entry.dn).is_some_and(|dn| seen.insert(dn))
                {
                    next.push(entry.dn);
                }
            }
        }
        if next.is_empty() {
            break;
        }
        levels.push(next.clone());
        level = next;
    }
    if seen.len() >= GROUPS_MAX {
        tracing::warn!(
            groups = GROUPS_MAX,
            "a person is in more groups than are looked at"
        );
    }
    Ok(Membership {
        groups: known
            .iter()
            .filter(|group| seen.contains(&group.dn))
            .map(|group| group.name.clone())
            .collect(),
        trail: Trail::Walk(levels),
    })
}

fn same_text(value: &[u8], name: &str) -> bool {
    std::str::from_utf8(value).is_ok_and(|value| value.to_lowercase() == name.to_lowercase())
}
