//! Where Active Directory and the rest differ: filters, ids, account states.

use super::ldap::{Connection, Depth, Entry, Fault, Query, filter_bytes, filter_value};
use super::name::NameForm;
use super::settings::KindSetting;
use super::state::{LOCKED_FOR_GOOD, ends_before};
use spokegate_contract::hex;

/// Only Active Directory announces this (MS-ADTS 3.1.1.3.4.3.1).
const ACTIVE_DIRECTORY: &[u8] = b"1.2.840.113556.1.4.800";
/// `ACCOUNTDISABLE` in `userAccountControl`.
const ACCOUNT_DISABLED: u64 = 0x2;
/// From 1601 to 1970, in milliseconds.
pub(super) const WINDOWS_EPOCH_MS: u64 = 11_644_473_600_000;

/// How to talk to this directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Microsoft's or Samba's.
    ActiveDirectory {
        /// The domain's DNS name, `corp.test`.
        dns_name: String,
        /// The domain's short name, `CORP`.
        short_name: String,
    },
    /// `OpenLDAP` and others.
    Plain,
}

/// Asks the server what it is, unless the configuration says so, and what its domain is called.
pub(super) async fn detect(
    connection: &mut Connection,
    kind: KindSetting,
) -> Result<Dialect, Fault> {
    if kind == KindSetting::Openldap {
        return Ok(Dialect::Plain);
    }
    let attributes = [
        "supportedCapabilities",
        "defaultNamingContext",
        "configurationNamingContext",
    ];
    let root = base(connection, "", "(objectClass=*)", &attributes)
        .await?
        .unwrap_or_default();
    let announces = root
        .all("supportedCapabilities")
        .iter()
        .any(|value| value == ACTIVE_DIRECTORY);
    if kind == KindSetting::Auto && !announces {
        return Ok(Dialect::Plain);
    }
    let domain = root.text("defaultNamingContext").unwrap_or_default();
    let configuration = root.text("configurationNamingContext").unwrap_or_default();
    let query = Query {
        base: &format!("CN=Partitions,{configuration}"),
        depth: Depth::Subtree,
        filter: &format!(
            "(&(objectClass=crossRef)(nCName={})(nETBIOSName=*))",
            filter_value(domain)
        ),
        attributes: &["nETBIOSName", "dnsRoot"],
        entries_max: 1,
    };
    let partition = connection.search(&query).await?.pop().unwrap_or_default();
    Ok(Dialect::ActiveDirectory {
        dns_name: partition.text("dnsRoot").unwrap_or_default().to_lowercase(),
        short_name: partition
            .text("nETBIOSName")
            .unwrap_or_default()
            .to_lowercase(),
    })
}

async fn base(
    connection: &mut Connection,
    base: &str,
    filter: &str,
    attributes: &[&str],
) -> Result<Option<Entry>, Fault> {
    let query = Query {
        base,
        depth: Depth::Base,
        filter,
        attributes,
        entries_max: 1,
    };
    Ok(connection.search(&query).await?.pop())
}

impl Dialect {
    /// The filter that finds the one person meant; `None` when the spelling cannot mean anybody here.
    pub(super) fn person_filter(&self, form: &NameForm, user_attribute: &str) -> Option<String> {
        match (self, form) {
            (Self::Plain, NameForm::Plain(user)) => {
                Some(format!("({user_attribute}={})", filter_value(user)))
            }
            (Self::Plain, NameForm::Principal { user, suffix }) => {
                // Some sites use whole addresses as names.
                Some(format!(
                    "({user_attribute}={}@{})",
                    filter_value(user),
                    filter_value(suffix)
                ))
            }
            (Self::Plain, NameForm::Domain { .. }) => None,
            (Self::ActiveDirectory { .. }, NameForm::Plain(user)) => {
                Some(ad_person(&account(user)))
            }
            (
                Self::ActiveDirectory {
                    short_name,
                    dns_name,
                },
                NameForm::Domain { domain, user },
            ) => {
                let domain = domain.to_lowercase();
                let ours = !domain.is_empty() && (domain == *short_name || domain == *dns_name);
                ours.then(|| ad_person(&account(user)))
            }
            (Self::ActiveDirectory { dns_name, .. }, NameForm::Principal { user, suffix }) => {
                let principal = format!(
                    "(userPrincipalName={}@{})",
                    filter_value(user),
                    filter_value(suffix)
                );
                // `name@domain` always works in AD, whatever the principal name is.
                let ours = !dns_name.is_empty() && suffix.to_lowercase() == *dns_name;
                Some(ad_person(&if ours {
                    format!("(|{principal}{})", account(user))
                } else {
                    principal
                }))
            }
        }
    }

    /// The filter that finds a stored id again; `None` when it is not one of this dialect.
    pub(super) fn id_filter(&self, id: &str) -> Option<String> {
        match self {
            Self::ActiveDirectory { .. } => {
                let guid: [u8; 16] = hex::decode_array(id)?;
                Some(ad_person(&format!("(objectGUID={})", filter_bytes(&guid))))
            }
            Self::Plain => Some(format!("(entryUUID={})", filter_value(id))),
        }
    }

    /// What to read of a person.
    pub(super) fn person_attributes<'a>(&self, user_attribute: &'a str) -> Vec<&'a str> {
        let mut attributes = vec!["cn", "displayName"];
        match self {
            Self::ActiveDirectory { .. } => {
                attributes.extend([
                    "sAMAccountName",
                    "objectGUID",
                    "userAccountControl",
                    "accountExpires",
                ]);
            }
            Self::Plain => attributes.extend([
                user_attribute,
                "entryUUID",
                "pwdAccountLockedTime",
                "pwdStartTime",
                "pwdEndTime",
            ]),
        }
        attributes
    }

    /// The id that stays when the person is renamed or moved.
    pub(super) fn stable_id(&self, entry: &Entry) -> Option<String> {
        match self {
            Self::ActiveDirectory { .. } => entry
                .bytes("objectGUID")
                .filter(|guid| guid.len() == 16)
                .map(hex::encode),
            Self::Plain => entry.text("entryUUID").map(str::to_lowercase),
        }
    }

    /// The sign-in name as the directory spells it.
    pub(super) fn sign_in_name(&self, entry: &Entry, user_attribute: &str) -> String {
        let attribute = match self {
            Self::ActiveDirectory { .. } => "sAMAccountName",
            Self::Plain => user_attribute,
        };
        entry.text(attribute).unwrap_or_default().to_owned()
    }

    /// True when the entry says that its account is closed. A lock after wrong passwords is not that: anybody can
    /// bring it about, and it must not end the sessions of the person attacked.
    pub(super) fn is_closed(&self, entry: &Entry, now_ms: u64) -> bool {
        match self {
            Self::ActiveDirectory { .. } => {
                let number = |name| entry.text(name).and_then(|text| text.parse::<u64>().ok());
                let disabled =
                    number("userAccountControl").is_some_and(|flags| flags & ACCOUNT_DISABLED != 0);
                disabled || number("accountExpires").is_some_and(|ticks| has_passed(ticks, now_ms))
            }
            Self::Plain => {
                entry.text("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD)
                    || ends_before(entry, now_ms)
            }
        }
    }
}

fn account(user: &str) -> String {
    format!("(sAMAccountName={})", filter_value(user))
}

fn ad_person(condition: &str) -> String {
    format!("(&(objectCategory=person)(objectClass=user){condition})")
}

/// `accountExpires` counts 100 ns from 1601; 0 and the largest number mean never (MS-ADA1 2.2).
fn has_passed(ticks: u64, now_ms: u64) -> bool {
    let never = ticks == 0 || ticks >= 0x7fff_ffff_ffff_ffff;
    !never && ticks / 10_000 <= now_ms.saturating_add(WINDOWS_EPOCH_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::name::TypedName;

    #[test]
    fn names_become_filters_and_never_filter_syntax() {
        let ad = Dialect::ActiveDirectory {
            dns_name: "corp.test".into(),
            short_name: "corp".into(),
        };
        let check = |dialect: &Dialect, typed: &str, expected: Option<&str>| {
            let name = TypedName::parse(typed).unwrap();
            let filter = dialect.person_filter(name.form(), "uid");
            let whole = match dialect {
                Dialect::Plain => expected.map(str::to_owned),
                Dialect::ActiveDirectory { .. } => expected.map(ad_person),
            };
            assert_eq!(filter, whole, "{typed}");
        };
        check(&Dialect::Plain, "alice", Some("(uid=alice)"));
        check(&Dialect::Plain, "*", Some("(uid=\\2a)"));
        check(
            &Dialect::Plain,
            "alice)(|(uid=*",
            Some("(uid=alice\\29\\28|\\28uid=\\2a)"),
        );
        check(
            &Dialect::Plain,
            "alice@corp.test",
            Some("(uid=alice@corp.test)"),
        );
        check(&Dialect::Plain, "CORP\\alice", None);
        check(&ad, "alice", Some("(sAMAccountName=alice)"));
        check(&ad, "CORP\\alice", Some("(sAMAccountName=alice)"));
        check(&ad, "corp.test\\alice", Some("(sAMAccountName=alice)"));
        check(&ad, "OTHER\\alice", None);
        check(&ad, "\\alice", None);
        check(
            &ad,
            "alice@corp.test",
            Some("(|(userPrincipalName=alice@corp.test)(sAMAccountName=alice))"),
        );
        check(
            &ad,
            "f@msp.example",
            Some("(userPrincipalName=f@msp.example)"),
        );
        check(
            &ad,
            "*@corp.test",
            Some("(|(userPrincipalName=\\2a@corp.test)(sAMAccountName=\\2a))"),
        );
    }

    #[test]
    fn expiry_is_counted_from_1601() {
        let check =
            |ticks, expected| assert_eq!(has_passed(ticks, 1_795_351_500_000), expected, "{ticks}");
        check(0, false);
        check(0x7fff_ffff_ffff_ffff, false);
        check(134_398_250_999_990_000, true);
        check(134_398_251_000_000_000 + 1_000_000_000, false);
    }

    #[test]
    fn an_id_of_another_kind_finds_nobody() {
        let ad = Dialect::ActiveDirectory {
            dns_name: String::new(),
            short_name: String::new(),
        };
        assert_eq!(ad.id_filter("zz"), None);
        assert_eq!(ad.id_filter("00"), None);
        assert!(
            ad.id_filter("00112233445566778899aabbccddeeff")
                .unwrap()
                .contains("objectGUID=\\00\\11")
        );
        assert_eq!(
            Dialect::Plain.id_filter("a*b").as_deref(),
            Some("(entryUUID=a\\2ab)")
        );
    }
}
