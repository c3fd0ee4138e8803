//! What all pages share: the frame around the content.

use super::assets;
use super::errors::PageError;
use super::session::SignedIn;
use crate::auth::Site;
use crate::branding::Brand;
use crate::state::AppState;
use anyhow::Context as _;
use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};

mod navigation;

pub use navigation::{Entry, Group};

/// The frame of a page: `{% extends "layout.html" %}` templates have a field `page: Page`.
#[derive(Clone, Debug)]
pub struct Page {
    /// The page's title, shown in the tab.
    pub title: String,
    /// The site whose name and navigation are shown; errors have none.
    pub site: Option<Site>,
    /// The signed-in person's name; navigation and sign-out are shown only with one.
    pub person: Option<String>,
    /// What every administrator must know at once.
    pub alarm: Option<String>,
    /// The token that every form on the page carries in the hidden field `csrf`.
    pub csrf: String,
    /// Name, colour and logo; the product's own where there is nobody yet.
    pub brand: Brand,
    /// Whether the person may manage templates, and finds the way there.
    pub manages_templates: bool,
    /// The navigation entry to mark: `reports`, `history`, `home`, `sessions`, `audit`, ….
    pub active: &'static str,
    /// Where the page is followed while it is open; a page that says what was found when it was asked for has none.
    pub follows: Option<String>,
}

impl Page {
    /// The frame for a signed-in person.
    #[must_use]
    pub fn new(title: impl Into<String>, active: &'static str, user: &SignedIn) -> Self {
        Self {
            title: title.into(),
            site: Some(user.site()),
            person: Some(user.title().to_owned()),
            alarm: user.alarm().map(str::to_owned),
            csrf: user.csrf().to_owned(),
            brand: user.brand().clone(),
            manages_templates: user.manages_templates(),
            active,
            follows: user.follows().map(str::to_owned),
        }
    }

    /// The same for what was found once, and does not change by itself.
    #[must_use]
    pub fn still(self) -> Self {
        Self {
            follows: None,
            ..self
        }
    }

    /// The frame for nobody in particular.
    #[must_use]
    pub fn bare(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            site: None,
            person: None,
            alarm: None,
            csrf: String::new(),
            brand: Brand::default(),
            manages_templates: false,
            active: "",
            follows: None,
        }
    }

    /// The frame of a site for somebody who has not signed in, with the token for the sign-in form.
    pub async fn visitor(
        state: &AppState,
        title: impl Into<String>,
        site: Site,
        csrf: String,
    ) -> Self {
        // People sign in without a brand too.
        let brand = state.store.brand().await.unwrap_or_default();
        Self {
            title: title.into(),
            site: Some(site),
            person: None,
            alarm: None,
            csrf,
            brand,
            manages_templates: false,
            active: "",
            follows: None,
        }
    }

    /// True on the admin listener.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.site == Some(Site::Admin)
    }

    /// What the service is called on this site.
    #[must_use]
    pub fn site_name(&self) -> String {
        match (self.brand.name.as_str(), self.is_admin()) {
            ("", true) => "Spokegate Administration".into(),
            ("", false) => "Spokegate Reports".into(),
            (name, true) => format!("{name} Administration"),
            (name, false) => name.into(),
        }
    }

    /// The groups of entries of the navigation.
    #[must_use]
    pub fn navigation(&self) -> &'static [Group] {
        navigation::of(self.is_admin())
    }

    /// Whether an entry of it is for this person.
    #[must_use]
    pub fn shows(&self, entry: &Entry) -> bool {
        self.manages_templates || entry.key != "templates"
    }

    /// The address of an asset, with its fingerprint so that browsers may keep it for ever.
    #[must_use]
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// Renders a page, or an error page should that fail.
///
/// # Errors
/// When the template fails at run time.
pub fn render(template: &impl Template) -> Result<Response, PageError> {
    let html = template.render().context("render a page")?;
    Ok(Html(html).into_response())
}
