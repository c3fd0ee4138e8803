//! One client's session: who it is, and the answers to what it asks. Pure: messages in, messages out.

use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::{LdapMsg, LdapResultCode};
use ldap3_proto::simple::{
    DisconnectionNotice, LdapPartialAttribute, LdapSearchResultEntry, LdapSearchScope,
    SearchRequest, ServerOps, SimpleBindRequest,
};

use super::BASE;
use super::entry::{Entry, OPERATIONAL, Tree, normal};
use super::filter::matches;

/// More entries than this are not sent for one search.
const ENTRIES_MAX: usize = 500;
/// The control for results in pages (RFC 2696).
const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

/// What a client has shown itself to be.
#[derive(Debug, Default)]
pub(super) struct Session {
    bound: Option<String>,
}

/// What to do after a message.
pub(super) enum Next {
    /// Send these and go on.
    Send(Vec<LdapMsg>),
    /// Send this and hang up.
    HangUp(Option<LdapMsg>),
}

impl Session {
    pub(super) fn answer(&mut self, message: LdapMsg, tree: &Tree) -> Next {
        let paged = message
            .ctrl
            .iter()
            .any(|control| matches!(control, LdapControl::SimplePagedResults { .. }));
        match ServerOps::try_from(message) {
            Ok(ServerOps::SimpleBind(request)) => Next::Send(vec![self.bind(&request, tree)]),
            Ok(ServerOps::Search(request)) => Next::Send(self.search(&request, tree, paged)),
            Ok(ServerOps::Whoami(request)) => {
                let name = self
                    .bound
                    .as_ref()
                    .map(|dn| format!("dn:{dn}"))
                    .unwrap_or_default();
                Next::Send(vec![request.gen_success(&name)])
            }
            Ok(ServerOps::Compare(request)) => {
                let text = "this directory does not compare".to_owned();
                Next::Send(vec![
                    request.gen_error(LdapResultCode::UnwillingToPerform, text),
                ])
            }
            Ok(ServerOps::Abandon { .. }) => Next::Send(Vec::new()),
            Ok(ServerOps::Unbind(_)) => Next::HangUp(None),
            Err(()) => {
                let text = "this directory can only be bound to and searched";
                Next::HangUp(Some(DisconnectionNotice::gen_response(
                    LdapResultCode::ProtocolError,
                    text,
                )))
            }
        }
    }

    fn bind(&mut self, request: &SimpleBindRequest, tree: &Tree) -> LdapMsg {
        self.bound = None;
        if request.dn.is_empty() && request.pw.is_empty() {
            return request.gen_success();
        }
        // A name without a password is nobody (RFC 4513 §5.1.2), and must not look like somebody.
        if request.pw.is_empty() {
            let text = "a bind with a name needs a password".to_owned();
            return request.gen_error(LdapResultCode::UnwillingToPerform, text);
        }
        let entry = tree.get(&request.dn);
        let right = entry
            .and_then(|entry| entry.password.as_ref())
            .is_some_and(|own| own.expose() == request.pw);
        match entry {
            Some(entry) if right => {
                self.bound = Some(entry.dn.clone());
                request.gen_success()
            }
            _ => request.gen_invalid_cred(),
        }
    }

    fn search(&self, request: &SearchRequest, tree: &Tree, paged: bool) -> Vec<LdapMsg> {
        if request.base.is_empty() && request.scope == LdapSearchScope::Base {
            return vec![request.gen_result_entry(root()), request.gen_success()];
        }
        if self.bound.is_none() {
            let text = "bind first".to_owned();
            return vec![request.gen_error(LdapResultCode::InsufficentAccessRights, text)];
        }
        if tree.get(&request.base).is_none() {
            return vec![request.gen_error(LdapResultCode::NoSuchObject, String::new())];
        }
        let found: Vec<_> = tree
            .at_and_below(&request.base)
            .filter(|entry| in_scope(&request.scope, &entry.dn, &request.base))
            .filter(|entry| matches(&request.filter, entry))
            .collect();
        let mut messages: Vec<_> = found
            .iter()
            .take(ENTRIES_MAX)
            .map(|entry| request.gen_result_entry(projected(entry, &request.attrs)))
            .collect();
        messages.push(if found.len() > ENTRIES_MAX {
            request.gen_error(LdapResultCode::SizeLimitExceeded, String::new())
        } else {
            done(request, paged)
        });
        messages
    }
}

/// All results are one page, so the last one: its cookie is empty.
fn done(request: &SearchRequest, paged: bool) -> LdapMsg {
    let mut message = request.gen_success();
    if paged {
        message.ctrl.push(LdapControl::SimplePagedResults {
            size: 0,
            cookie: Vec::new(),
        });
    }
    message
}

fn in_scope(scope: &LdapSearchScope, dn: &str, base: &str) -> bool {
    let (dn, base) = (normal(dn), normal(base));
    let levels = dn
        .matches(',')
        .count()
        .saturating_sub(base.matches(',').count());
    match scope {
        LdapSearchScope::Base => levels == 0,
        LdapSearchScope::OneLevel => levels == 1,
        LdapSearchScope::Subtree => true,
        LdapSearchScope::Children => levels > 0,
    }
}

/// The attributes that were asked for (RFC 4511 §4.5.1.8).
fn projected(entry: &Entry, asked: &[String]) -> LdapSearchResultEntry {
    let asks = |name: &str| asked.iter().any(|one| one.eq_ignore_ascii_case(name));
    let wanted = |name: &str| {
        let operational = OPERATIONAL.contains(&name);
        asks(name)
            || if operational {
                asks("+")
            } else {
                asked.is_empty() || asks("*")
            }
    };
    let attributes = entry
        .attributes
        .iter()
        .filter(|(name, values)| wanted(name) && !values.is_empty());
    LdapSearchResultEntry {
        dn: entry.dn.clone(),
        attributes: attributes
            .map(|(name, values)| attribute(name, values))
            .collect(),
    }
}

fn root() -> LdapSearchResultEntry {
    let text = |name, values: &[&str]| {
        attribute(
            name,
            &values
                .iter()
                .map(|value| (*value).to_owned())
                .collect::<Vec<_>>(),
        )
    };
    LdapSearchResultEntry {
        dn: String::new(),
        attributes: vec![
            text("objectClass", &["top"]),
            text("namingContexts", &[BASE]),
            text("supportedLDAPVersion", &["3"]),
            text("supportedControl", &[PAGED_RESULTS]),
            text("vendorName", &["Spokegate demonstration"]),
        ],
    }
}

fn attribute(name: &str, values: &[String]) -> LdapPartialAttribute {
    LdapPartialAttribute {
        atype: name.to_owned(),
        vals: values
            .iter()
            .map(|value| value.clone().into_bytes())
            .collect(),
    }
}
