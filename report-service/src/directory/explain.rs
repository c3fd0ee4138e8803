//! Why somebody can or cannot sign in, step by step, without their password.

use super::groups::{KnownGroup, Membership, Trail};
use super::ldap::{Connection, Depth, Entry, Query};
use super::service::Service;
use super::state::{STATE_ATTRIBUTES, sentences};
use super::{Dialect, Directory, TypedName, Unavailable};

/// Groups named in one line; more are counted.
const NAMED_MAX: usize = 20;

/// One step of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub title: String,
    /// What came of it, a line each.
    pub lines: Vec<String>,
    /// Whether a sign-in goes on after it.
    pub good: bool,
}

/// The steps, as far as they led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// In order.
    pub steps: Vec<Step>,
    /// The person's stable id, when exactly one was found.
    pub person_id: Option<String>,
    /// The configured groups they are in, when that was found out.
    pub groups: Option<Vec<String>>,
}

impl Explanation {
    /// Adds a step.
    pub fn step(&mut self, title: &str, lines: Vec<String>, good: bool) {
        self.steps.push(Step {
            title: title.to_owned(),
            lines,
            good,
        });
    }
}

impl Directory {
    /// Walks the way of a sign-in up to the password, and on after it.
    pub async fn explain(&self, name: &TypedName) -> Explanation {
        let mut told = Explanation::default();
        if let Err(unavailable) = self.explain_into(name, &mut told).await {
            let lines = vec![unavailable.to_string(), unavailable.advice().to_owned()];
            told.step("The directory gives no reliable answer", lines, false);
        }
        told
    }

    async fn explain_into(
        &self,
        name: &TypedName,
        told: &mut Explanation,
    ) -> Result<(), Unavailable> {
        let _permit = self.gate.acquire().await.expect("the gate is never closed");
        let mut service = self.explain_service(told).await?;
        let Some(entry) = self.explain_search(name, &mut service, told).await? else {
            return Ok(());
        };
        self.explain_entry(&entry, &mut service, told).await?;
        let known = self.known_groups(&mut service).await?;
        let membership = self.membership(&mut service, &entry).await?;
        self.explain_groups(&known, &membership, told);
        told.groups = Some(membership.groups);
        Ok(())
    }

    async fn explain_service(&self, told: &mut Explanation) -> Result<Service, Unavailable> {
        let mut lines = Vec::new();
        let service = self.service_told(true, &mut lines).await;
        let tls = if self.settings.starttls {
            "StartTLS before anything else"
        } else {
            "TLS from the first byte (LDAPS)"
        };
        lines.push(format!(
            "{tls}, certificate verified with {}",
            self.settings.ca.display()
        ));
        told.step("Servers asked", lines, service.is_ok());
        let service = service?;
        let kind = match &*service.dialect {
            Dialect::ActiveDirectory {
                dns_name,
                short_name,
            } => format!("It is an Active Directory: {dns_name}, {short_name}"),
            Dialect::Plain => "It is a directory by the RFCs, such as OpenLDAP".to_owned(),
        };
        let lines = vec![format!("Bound as {}", self.settings.bind_dn), kind];
        told.step("Service account", lines, true);
        Ok(service)
    }

    async fn explain_search(
        &self,
        name: &TypedName,
        service: &mut Service,
        told: &mut Explanation,
    ) -> Result<Option<Entry>, Unavailable> {
        let filter = service
            .dialect
            .person_filter(name.form(), &self.settings.user_attribute);
        let Some(filter) = filter else {
            let lines =
                vec!["This spelling means nobody of this directory; no search is made.".to_owned()];
            told.step("Search", lines, false);
            return Ok(None);
        };
        let entries = self.people(service, &filter).await?;
        let mut lines = vec![
            format!("Base: {}", self.settings.base),
            "Depth: the whole subtree".to_owned(),
            format!("Filter: {filter}"),
        ];
        lines.push(match entries.len() {
            0 => {
                "Nobody was found. A person who signs in reads that name or password is not right."
                    .to_owned()
            }
            1 => "One entry was found.".to_owned(),
            _ => {
                "Several entries were found, so nobody is let in; make the name unique.".to_owned()
            }
        });
        lines.extend(entries.iter().map(|entry| entry.dn.clone()));
        let [entry] = entries.as_slice() else {
            told.step("Search", lines, false);
            return Ok(None);
        };
        told.step("Search", lines, true);
        Ok(Some(entry.clone()))
    }

    async fn explain_entry(
        &self,
        entry: &Entry,
        service: &mut Service,
        told: &mut Explanation,
    ) -> Result<(), Unavailable> {
        let now = self.clock.now_ms();
        let id = service.dialect.stable_id(entry);
        let name = service
            .dialect
            .sign_in_name(entry, &self.settings.user_attribute);
        let mut lines = vec![format!("DN: {}", entry.dn), format!("Sign-in name: {name}")];
        match &id {
            Some(id) => lines.push(format!("Stable id: {}:{id}", self.settings.id)),
            None => lines.push(
                "It has no stable id (objectGUID, entryUUID) that the service account can read; nobody is let in."
                    .to_owned(),
            ),
        }
        let found = self.state_of(&mut service.connection, &entry.dn).await;
        let found = self.answered(service.server, found)?;
        let state = found.as_ref().unwrap_or(entry);
        lines.extend(sentences(&service.dialect, state, now));
        let good = id.is_some() && !service.dialect.is_closed(state, now);
        told.step("Entry", lines, good);
        told.person_id = id.map(|id| format!("{}:{id}", self.settings.id));
        Ok(())
    }

    async fn state_of(
        &self,
        connection: &mut Connection,
        dn: &str,
    ) -> Result<Option<Entry>, super::ldap::Fault> {
        let query = Query {
            base: dn,
            depth: Depth::Base,
            filter: "(objectClass=*)",
            attributes: &STATE_ATTRIBUTES,
            entries_max: 1,
        };
        Ok(connection.search(&query).await?.pop())
    }

    fn explain_groups(
        &self,
        known: &[KnownGroup],
        membership: &Membership,
        told: &mut Explanation,
    ) {
        let lines = match &membership.trail {
            Trail::Token(count) => vec![
                "Method: the entry's tokenGroups, in which Active Directory lists every group, nested ones and the \
                 primary one too; compared by identifier (objectSid)"
                    .to_owned(),
                format!("The directory lists {count} identifiers."),
            ],
            Trail::Walk(levels) => walk(levels),
        };
        told.step("Groups of the person", lines, true);
        let lines = self.settings.groups.iter().map(|name| {
            let Some(group) = known.iter().find(|group| group.name == *name) else {
                return format!(
                    "{name}: the directory has no such group or several; it gives nobody anything"
                );
            };
            let is_in = membership.groups.contains(name);
            let why = match (&membership.trail, is_in) {
                (_, false) => "not a member".to_owned(),
                (Trail::Token(_), true) => "member: its identifier is in the list".to_owned(),
                (Trail::Walk(levels), true) => match group.level(levels) {
                    Some(1) => "member: it names the person".to_owned(),
                    Some(level) => format!("member: through {} group(s) in between", level - 1),
                    None => "member".to_owned(),
                },
            };
            format!("{name} ({}): {why}", group.text)
        });
        told.step(
            "Groups of the configuration",
            lines.collect(),
            !membership.groups.is_empty(),
        );
    }
}

fn walk(levels: &[Vec<String>]) -> Vec<String> {
    let mut lines = vec![
        "Method: level by level, groups that have the person or a group of the level before in member, uniqueMember or \
         memberUid"
            .to_owned(),
    ];
    if levels.is_empty() {
        lines.push("No group names the person.".to_owned());
    }
    for (index, level) in levels.iter().enumerate() {
        let named: Vec<&str> = level.iter().take(NAMED_MAX).map(String::as_str).collect();
        let more = level.len().saturating_sub(NAMED_MAX);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        lines.push(format!("Level {}: {}{more}", index + 1, named.join("; ")));
    }
    lines
}
