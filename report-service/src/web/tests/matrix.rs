//! Every route of both listeners, asked by everybody: what each may is what the route's rule says, and nothing else.
//!
//! The rows are the route tables themselves, so a new route is asked without a line here; what a caller may is a match
//! over the rule, so a new kind of rule does not compile before somebody has said who meets it.

use super::*;
use crate::api::tests::{Answer, Bench, person};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::directory::Person;
use crate::store::StoreKind;
use crate::web::routes::RouteEntry;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    Nobody,
    /// The right password, and no code yet where one is asked for.
    WithoutSecondFactor,
    /// Signed in on the other listener, with a role there alone.
    OtherSite,
    /// Signed in with the forms role, and no grant.
    NoRight,
    FormsPerson,
    TemplateManager,
    Releaser,
    Administrator,
    /// A person's token with that scope alone.
    Token(Scope),
    /// A service token with that scope alone, for everything.
    Program(Scope),
}

/// What a caller is answered with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// The handler was reached: it did it, or said what it lacks.
    In,
    /// Sent to sign in.
    SignIn,
    /// Refused without a way on.
    Refused,
    /// No token, or none that is known.
    Unauthorized,
    /// A token for other things.
    WrongScope,
}

const RIGHTS: &str = "[[rights]]\ngroups = [\"all\"]\nreports = [\"*\"]\ntenants = [\"*\"]\n\
    [[rights]]\ngroups = [\"makers\"]\nreports = [\"*\"]\ntenants = [\"*\"]\nmanage_templates = true\n\
    [[rights]]\ngroups = [\"releasers\"]\nreports = [\"*\"]\ntenants = [\"*\"]\nrelease = true\n\
    [second_factor]\nrequired_for = [\"admin\"]\n[secrets]\nmaster_key_file = \"MASTER\"\n";

/// What the rule gives that caller on that listener; the whole of who may what.
fn expected(rule: Rule, site: Site, caller: &Caller) -> Class {
    let signed_in = match caller {
        Caller::NoRight | Caller::FormsPerson | Caller::TemplateManager | Caller::Releaser => {
            Some(Site::Forms)
        }
        Caller::Administrator => Some(Site::Admin),
        Caller::Nobody
        | Caller::WithoutSecondFactor
        | Caller::OtherSite
        | Caller::Token(_)
        | Caller::Program(_) => None,
    };
    let is_here = signed_in == Some(site);
    match rule {
        Rule::Anyone => Class::In,
        Rule::Forms | Rule::Admin if is_here => Class::In,
        Rule::Forms | Rule::Admin => Class::SignIn,
        Rule::FormsBackground | Rule::AdminBackground if is_here => Class::In,
        Rule::FormsBackground | Rule::AdminBackground => Class::Refused,
        Rule::Api(scope) => match caller {
            Caller::Token(own) | Caller::Program(own) if *own == scope => Class::In,
            Caller::Token(_) | Caller::Program(_) => Class::WrongScope,
            // A session is no token, and a cookie is not taken.
            Caller::Nobody => Class::Unauthorized,
            _ => Class::Refused,
        },
    }
}

/// Who asks, with what they send.
struct Asker {
    caller: Caller,
    headers: Vec<(header::HeaderName, String)>,
    csrf: String,
    /// Who is signed in, and on which listener.
    who: Option<(Person, Site)>,
}

impl Asker {
    fn with(caller: Caller, headers: Vec<(header::HeaderName, String)>) -> Self {
        Self {
            caller,
            headers,
            csrf: String::new(),
            who: None,
        }
    }

    /// Somebody with a new session. On the other listener its cookie is sent under that listener's name, as a thief would.
    async fn signed_in(
        bench: &Bench,
        site: Site,
        caller: Caller,
        (who, own): (Person, Site),
    ) -> Self {
        let session = bench.session(own, &who).await;
        let cookie = format!("{}={session}", site.cookie());
        Self {
            caller,
            headers: vec![(header::COOKIE, cookie)],
            csrf: crate::auth::csrf::token_for(&session),
            who: Some((who, own)),
        }
    }
}

async fn askers(bench: &Bench, site: Site) -> Vec<Asker> {
    let half = format!("{}={}", site.half_cookie(), "5".repeat(64));
    let mut askers = vec![
        Asker::with(Caller::Nobody, Vec::new()),
        Asker::with(Caller::WithoutSecondFactor, vec![(header::COOKIE, half)]),
    ];
    let people: &[(Caller, &[&str], Site)] = &[
        (Caller::NoRight, &[], Site::Forms),
        (Caller::FormsPerson, &["all"], Site::Forms),
        (Caller::TemplateManager, &["makers"], Site::Forms),
        (Caller::Releaser, &["releasers"], Site::Forms),
        (Caller::Administrator, &["a"], Site::Admin),
    ];
    for (caller, groups, own) in people {
        let who = person(&format!("{caller:?}"), groups);
        let caller = match *own == site {
            true => caller.clone(),
            false => Caller::OtherSite,
        };
        askers.push(Asker::signed_in(bench, site, caller, (who, *own)).await);
    }
    for scope in Scope::ALL {
        let groups = ["all", "a", "releasers"];
        let own = bench.personal("tess", &groups, &[scope]).await;
        let program = bench.program("matrix", &[scope], (&["*"], &["*"])).await;
        for (caller, token) in [
            (Caller::Token(scope), own),
            (Caller::Program(scope), program),
        ] {
            let header = (header::AUTHORIZATION, format!("Bearer {token}"));
            askers.push(Asker::with(caller, vec![header]));
        }
    }
    askers
}

/// An address of that pattern; ids are well formed, so that what refuses is never the form alone.
fn address(pattern: &str) -> String {
    let filled = pattern
        .replace("{report}", "customer-overview")
        .replace("{tenant}", "acme")
        .replace("{page}", "1")
        .replace("{version}", "1")
        .replace("{name}", "spokegate.css");
    let mut address = String::new();
    let mut rest = filled.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (_, behind) = after.split_once('}').unwrap();
        let _ = write!(address, "{before}{}", "0".repeat(32));
        rest = behind;
    }
    address + rest
}

async fn asked(bench: &Bench, site: Site, entry: &RouteEntry, asker: &Asker) -> Answer {
    let mut request = Request::builder()
        .method(&entry.method)
        .uri(address(entry.path))
        .header(header::ORIGIN, "https://localhost");
    for (name, value) in &asker.headers {
        request = request.header(name, value);
    }
    let is_api = matches!(entry.rule, Rule::Api(_));
    let body = match (&entry.method, is_api) {
        (&Method::GET, _) => Body::empty(),
        (_, true) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Body::from("{}")
        }
        (_, false) => {
            let media = "application/x-www-form-urlencoded";
            request = request.header(header::CONTENT_TYPE, media);
            Body::from(format!("csrf={}", asker.csrf))
        }
    };
    bench.ask(site, request, body).await
}

fn class(entry: &RouteEntry, answer: &Answer) -> Class {
    let location = answer.header(header::LOCATION);
    let text = answer.text();
    match answer.status {
        _ if matches!(entry.rule, Rule::Api(_)) => match answer.status.as_u16() {
            401 => Class::Unauthorized,
            403 if answer.problem().1 == "wrong-scope" => Class::WrongScope,
            400 if answer.problem().1 == "cookie" => Class::Refused,
            _ => Class::In,
        },
        // Where a sign-in begins anew or a session was ended, that is the handler's own answer.
        StatusCode::SEE_OTHER if location == "/sign-in?why=ended" => Class::In,
        StatusCode::SEE_OTHER if location.starts_with("/sign-in") && entry.rule != Rule::Anyone => {
            Class::SignIn
        }
        StatusCode::FORBIDDEN if text.contains("You are no longer signed in.") => Class::Refused,
        // A form of nobody's is refused as a forgery before its handler; it is for anybody with the page's own cookie.
        StatusCode::FORBIDDEN if text.contains("did not come from a page") => match entry.rule {
            Rule::Anyone => Class::In,
            _ => Class::Refused,
        },
        _ => Class::In,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_may_what_the_rules_say_and_nothing_else() {
    let key = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(key.path(), "ab".repeat(32)).unwrap();
    let rights = RIGHTS.replace("MASTER", &key.path().display().to_string());
    let limits = "[api]\nrequests_per_minute_max = 10000\n";
    let bench = Bench::with(StoreKind::Sqlite, &format!("{rights}{limits}")).await;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for routes in [forms_routes(), admin_routes()] {
        let site = routes.site();
        for asker in askers(&bench, site).await {
            for entry in routes.table() {
                let answer = match &asker.who {
                    // Who signs out everywhere must not sign out whoever asks next.
                    Some((who, own)) if entry.path.starts_with("/sign-out") => {
                        let who = person(&format!("{} {}", who.name, entry.path), &[]);
                        let caller = asker.caller.clone();
                        let other = Asker::signed_in(&bench, site, caller, (who, *own)).await;
                        asked(&bench, site, entry, &other).await
                    }
                    _ => asked(&bench, site, entry, &asker).await,
                };
                let found = class(entry, &answer);
                let expected = expected(entry.rule, site, &asker.caller);
                if let Some(fault) = right_fault(entry, &asker.caller, &answer) {
                    wrong.push(fault);
                }
                *counts.entry(format!("{expected:?}")).or_default() += 1;
                if found != expected {
                    wrong.push(format!(
                        "{} {} {} by {:?}: {found:?}, not {expected:?}",
                        site.as_str(),
                        entry.method,
                        entry.path,
                        asker.caller
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {counts:?}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    for class in ["In", "SignIn", "Refused", "Unauthorized", "WrongScope"] {
        assert!(
            counts.get(class).is_some_and(|count| *count > 20),
            "{class}: {counts:?}"
        );
    }
    println!("{counts:?}");
    bench.service.shutdown().await;
}

/// What is wrong with how a signed-in person's right was held against a route that needs one: what needs a right that
/// is not theirs is not there for them.
fn right_fault(entry: &RouteEntry, caller: &Caller, answer: &Answer) -> Option<String> {
    if entry.rule != Rule::Forms {
        return None;
    }
    let has = match entry.path {
        path if path.starts_with("/templates") => *caller == Caller::TemplateManager,
        path if path.contains("{report}") => matches!(
            caller,
            Caller::FormsPerson | Caller::TemplateManager | Caller::Releaser
        ),
        _ => return None,
    };
    let is_person = matches!(
        caller,
        Caller::NoRight | Caller::FormsPerson | Caller::TemplateManager | Caller::Releaser
    );
    let is_there = answer.status != StatusCode::NOT_FOUND;
    let told = |what: &str| {
        let status = answer.status;
        format!(
            "{} {} by {caller:?}: {status}, {what}",
            entry.method, entry.path
        )
    };
    match (is_person, has) {
        (true, false) if is_there => Some(told("though it is no right of theirs")),
        // Without an object of that name, 404 says nothing.
        (true, true) if !is_there && entry.path == "/reports/{report}" => {
            Some(told("though it is a right of theirs"))
        }
        _ => None,
    }
}
