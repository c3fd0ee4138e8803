//! The one way to add a route. There is no route without a rule, and the rule is checked before the handler runs.

use super::guard;
use crate::auth::Site;
use crate::state::AppState;
use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

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
}

impl Rule {
    /// True when the rule can be met on that listener at all.
    #[must_use]
    pub fn belongs_on(self, site: Site) -> bool {
        match self {
            Self::Anyone => true,
            Self::Forms | Self::FormsBackground => site == Site::Forms,
            Self::Admin | Self::AdminBackground => site == Site::Admin,
        }
    }
}

/// One line of a listener's route table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteEntry {
    /// GET or POST.
    pub method: Method,
    /// The path pattern as axum writes it.
    pub path: &'static str,
    /// Who may.
    pub rule: Rule,
}

/// A listener's routes under construction.
pub struct Routes {
    site: Site,
    state: AppState,
    table: Vec<RouteEntry>,
    router: Router<AppState>,
}

impl Routes {
    /// No routes yet.
    #[must_use]
    pub fn new(site: Site, state: AppState) -> Self {
        Self {
            site,
            state,
            table: Vec::new(),
            router: Router::new(),
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
        self.add(Method::GET, MethodFilter::GET, path, rule, handler)
    }

    /// Adds an act. Its origin and its token are checked before the handler runs.
    #[must_use]
    pub fn post<H, T>(self, path: &'static str, rule: Rule, handler: H) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        self.add(Method::POST, MethodFilter::POST, path, rule, handler)
    }

    /// The finished router.
    pub fn into_router(self) -> Router {
        self.router.with_state(self.state)
    }

    fn add<H, T>(
        mut self,
        method: Method,
        filter: MethodFilter,
        path: &'static str,
        rule: Rule,
        handler: H,
    ) -> Self
    where
        H: Handler<T, AppState>,
        T: 'static,
    {
        assert!(
            rule.belongs_on(self.site),
            "{method} {path}: {rule:?} cannot be met on the {} site",
            self.site.as_str()
        );
        let guard = guard::Guard {
            state: self.state.clone(),
            site: self.site,
            rule,
        };
        let guarded =
            on(filter, handler).layer(axum::middleware::from_fn_with_state(guard, guard::check));
        self.router = self.router.route(path, guarded);
        self.table.push(RouteEntry { method, path, rule });
        self
    }
}
