//! The one way to add a route. There is no route without a rule, and the rule is checked before the handler runs.

use super::guard;
use super::live::Pages;
use crate::api::{self, Described};
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::config::Config;
use crate::state::AppState;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, get, on};
use axum::{Extension, Router};

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anybody who reaches the listener: sign-in pages and assets. A sign-in form is still checked for forgery.
    Anyone,
    /// A person with the forms role, on the forms listener.
    Forms,
    /// As [`Rule::Forms`], for requests that a page makes by itself: they do not keep the session from going idle.
    FormsBackground,
    /// A person with the admin role, on the admin listener.
    Admin,
    /// As [`Rule::Admin`], for requests that a page makes by itself.
    AdminBackground,
    /// Whoever sends a token with this scope: an operation of the API. No session counts here.
    Api(Scope),
}

impl Rule {
    /// The rule as `spokegate-reports routes` prints it.
    #[must_use]
    pub fn words(self) -> String {
        let words = match self {
            Self::Anyone => "anyone",
            Self::Forms => "forms",
            Self::FormsBackground => "forms, background",
            Self::Admin => "admin",
            Self::AdminBackground => "admin, background",
            Self::Api(scope) => return format!("token with {scope}"),
        };
        words.to_owned()
    }

    /// True when the rule can be met on that listener at all.
    #[must_use]
    pub fn belongs_on(self, site: Site) -> bool {
        match self {
            Self::Anyone => true,
            Self::Forms | Self::FormsBackground => site == Site::Forms,
            Self::Admin | Self::AdminBackground => site == Site::Admin,
            Self::Api(scope) => site == scope.site(),
        }
    }
}

/// Whether a route takes files, and how large a form with one may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Uploads {
    /// Plain forms alone.
    No,
    /// Files as well.
    UpTo(fn(&Config) -> usize),
}

/// One line of a listener's route table.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteEntry {
    /// GET or POST; below `/api/v1` also PUT and DELETE.
    pub method: Method,
    /// The path pattern as axum writes it.
    pub path: &'static str,
    /// Who may.
    pub rule: Rule,
    /// What it is, where it is an operation of the API.
    pub described: Option<Described>,
}

/// What a route asks of its guard.
#[derive(Clone, Copy)]
struct Needs {
    rule: Rule,
    /// Whether its page follows what happens.
    live: bool,
}

/// How one route joins a router, once there is a service for its guard to ask.
type Joins = Box<dyn FnOnce(Router<AppState>, &AppState) -> Router<AppState> + Send>;

/// A listener's routes under construction. The table of them needs no service that runs.
pub struct Routes {
    site: Site,
    table: Vec<RouteEntry>,
    routes: Vec<Joins>,
    /// The pages among them that are drawn anew while they are open.
    pages: Router<AppState>,
}

impl Routes {
    /// No routes yet.
    #[must_use]
    pub fn new(site: Site) -> Self {
        Self {
            site,
            table: Vec::new(),
            routes: Vec::new(),
            pages: Router::new(),
        }
    }

    /// The listener these routes are for.
    #[must_use]
    pub fn site(&self) -> Site {
        self.site
    }

    /// The table so far, for the test that walks it.
    #[must_use]
    pub fn table(&self) -> &[RouteEntry] {
        &self.table
    }

    /// Adds a page that is read. Reading changes nothing.
    #[must_use]
    pub fn get<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let how = (Method::GET, MethodFilter::GET, Uploads::No);
        self.add(how, path, Needs { rule, live: false }, handler)
    }

    /// Adds a page that is read and stays true while it is open: its handler is asked again and again, in the background,
    /// so it must do nothing but look.
    #[must_use]
    pub fn page<H, T>(mut self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        // It is drawn for whoever may use `/live`, which is whoever has the site's role.
        assert!(
            matches!(rule, Rule::Forms | Rule::Admin),
            "{path}: a page that is followed is for people who have signed in"
        );
        self.pages = self.pages.route(path, get(handler.clone()));
        let how = (Method::GET, MethodFilter::GET, Uploads::No);
        self.add(how, path, Needs { rule, live: true }, handler)
    }

    /// Adds an act. Its origin and its token are checked before the handler runs.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let how = (Method::POST, MethodFilter::POST, Uploads::No);
        self.add(how, path, Needs { rule, live: false }, handler)
    }

    /// Adds an act whose form may hold a file; the whole of it has at most so many bytes.
    #[must_use]
    pub(super) fn upload<H, T>(
        self,
        path: &'static str,
        rule: Rule,
        bytes_max: fn(&Config) -> usize,
        handler: H,
    ) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let uploads = Uploads::UpTo(bytes_max);
        let how = (Method::POST, MethodFilter::POST, uploads);
        self.add(how, path, Needs { rule, live: false }, handler)
    }

    /// The finished router.
    pub fn into_router(self, state: AppState) -> Router {
        let join = |router, joins: Joins| joins(router, &state);
        let router = self.routes.into_iter().fold(Router::new(), join);
        let pages = Pages::new(self.pages.with_state(state.clone()));
        router.with_state(state).layer(Extension(pages))
    }

    fn add<H, T>(
        mut self,
        (method, filter, uploads): (Method, MethodFilter, Uploads),
        path: &'static str,
        needs: Needs,
        handler: H,
    ) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let Needs { rule, live } = needs;
        assert!(
            rule.belongs_on(self.site),
            "{method} {path}: {rule:?} cannot be met on the {} site",
            self.site.as_str()
        );
        let site = self.site;
        self.routes.push(Box::new(move |router, state| {
            let state = state.clone();
            let guard = guard::Guard {
                state,
                site,
                rule,
                uploads,
                live,
            };
            let guard = axum::middleware::from_fn_with_state(guard, guard::check);
            router.route(path, on(filter, handler).layer(guard))
        }));
        self.table.push(RouteEntry {
            method,
            path,
            rule,
            described: None,
        });
        self
    }

    /// Adds an operation of the API. There is none without a scope and a description.
    #[must_use]
    pub(crate) fn operation<H, T>(
        mut self,
        (method, path): (Method, &'static str),
        scope: Scope,
        described: Described,
        handler: H,
    ) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        let (site, rule) = (self.site, Rule::Api(scope));
        assert!(
            rule.belongs_on(site) && path.starts_with(api::ROOT),
            "{method} {path}: {rule:?} cannot be met on the {} site",
            site.as_str()
        );
        let filter = MethodFilter::try_from(method.clone())
            .expect("methods of operations are GET, POST, PUT and DELETE");
        self.routes.push(Box::new(move |router, state| {
            let state = state.clone();
            let gate = api::Gate { state, site, scope };
            let gate = axum::middleware::from_fn_with_state(gate, api::check);
            router.route(path, on(filter, handler).layer(gate))
        }));
        self.table.push(RouteEntry {
            method,
            path,
            rule,
            described: Some(described),
        });
        self
    }
}

/// The verb `routes`: method, address and rule of every route of both listeners, for whoever wants to see who may what.
#[must_use]
pub fn verb() -> std::process::ExitCode {
    let listing: String = [super::forms_routes(), super::admin_routes()]
        .iter()
        .flat_map(|routes| routes.table().iter().map(|entry| (routes.site(), entry)))
        .map(|(site, entry)| {
            let (site, rule) = (site.as_str(), entry.rule.words());
            format!("{site}\t{}\t{}\t{rule}\n", entry.method, entry.path)
        })
        .collect();
    spokegate_daemon::cli::print(&listing)
}
