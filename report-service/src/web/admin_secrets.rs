//! Passwords of sources, mail and storage: set, replaced and removed here, and never shown.

use std::collections::BTreeSet;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;
use spokegate_daemon::Secret;

use super::confirm;
use super::errors::PageError;
use super::layout::{Page, render};
use super::routes::{Routes, Rule};
use super::session::AdminUser;
use crate::secrets::{SecretError, SecretName, Standing};
use crate::state::AppState;
use crate::store::audit::Decision;

/// `/secrets` and the acts on them.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .page("/secrets", Rule::Admin, show)
        .post("/secrets", Rule::Admin, set)
        .get("/secrets/{name}/remove", Rule::Admin, ask_removal)
        .post("/secrets/{name}/remove", Rule::Admin, remove)
}

#[derive(Template)]
#[template(path = "admin_secrets.html")]
struct SecretsPage {
    page: Page,
    rows: Vec<Row>,
    /// Why nothing can be set here; empty when it can.
    locked: String,
    kept_elsewhere: bool,
    done: String,
}

/// One secret as the page lists it.
struct Row {
    name: String,
    version: u64,
    changed: String,
    used: String,
    users: String,
}

#[derive(Template)]
#[template(path = "admin_secret_remove.html")]
struct RemovePage {
    page: Page,
    name: String,
    users: Vec<String>,
}

#[derive(Default, Deserialize)]
struct SecretsQuery {
    #[serde(default)]
    set: String,
    #[serde(default)]
    removed: String,
}

async fn show(
    State(state): State<AppState>,
    user: AdminUser,
    Query(query): Query<SecretsQuery>,
) -> Result<Response, PageError> {
    let locked = match state.secrets.standing().await.map_err(in_words)? {
        Standing::Open => String::new(),
        Standing::Locked(reason) => reason,
    };
    let done = match (
        query.set.parse::<SecretName>(),
        query.removed.parse::<SecretName>(),
    ) {
        (Ok(name), _) => format!("The secret \"{name}\" is set."),
        (_, Ok(name)) => format!("The secret \"{name}\" is removed."),
        _ => String::new(),
    };
    render(&SecretsPage {
        page: Page::new("Secrets", "secrets", &user),
        rows: rows(&state).await?,
        locked,
        kept_elsewhere: state.secrets.kept_elsewhere(),
        done,
    })
}

/// Every secret that is set, and every one that is used and is not.
async fn rows(state: &AppState) -> Result<Vec<Row>, PageError> {
    let mut users = state.secrets.users();
    let mut rows = Vec::new();
    for info in state.secrets.list().await.map_err(in_words)? {
        let of = info
            .name
            .parse()
            .ok()
            .and_then(|name: SecretName| users.remove(&name));
        rows.push(Row {
            version: info.version,
            changed: format!(
                "{} by {}",
                crate::text::when(info.changed_at_ms),
                info.changed_by
            ),
            used: info
                .used_at_ms
                .map_or_else(|| "never".into(), crate::text::when),
            users: joined(&of.unwrap_or_default()),
            name: info.name,
        });
    }
    rows.extend(users.into_iter().map(|(name, of)| Row {
        name: name.to_string(),
        version: 0,
        changed: String::new(),
        used: String::new(),
        users: joined(&of),
    }));
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rows)
}

fn joined(users: &BTreeSet<String>) -> String {
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    users.join(", ")
}

#[derive(Deserialize)]
struct SetForm {
    name: String,
    value: Secret,
}

async fn set(
    State(state): State<AppState>,
    user: AdminUser,
    Form(form): Form<SetForm>,
) -> Result<Response, PageError> {
    confirm::required(&user, &state, "/secrets").await?;
    let name = named(form.name.trim())?;
    user.audit(
        &state,
        "secret.set",
        Decision::Allowed,
        "admin",
        name.as_str(),
    )
    .await?;
    let by = user.name();
    state
        .secrets
        .set(&name, &form.value, by)
        .await
        .map_err(in_words)?;
    Ok(Redirect::to(&format!("/secrets?set={name}")).into_response())
}

async fn ask_removal(
    State(state): State<AppState>,
    user: AdminUser,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let name = named(&name)?;
    let users = state.secrets.users().remove(&name).unwrap_or_default();
    render(&RemovePage {
        page: Page::new(format!("Remove {name}"), "secrets", &user),
        name: name.to_string(),
        users: users.into_iter().collect(),
    })
}

async fn remove(
    State(state): State<AppState>,
    user: AdminUser,
    Path(name): Path<String>,
) -> Result<Response, PageError> {
    let name = named(&name)?;
    confirm::required(&user, &state, &format!("/secrets/{name}/remove")).await?;
    user.audit(
        &state,
        "secret.remove",
        Decision::Allowed,
        "admin",
        name.as_str(),
    )
    .await?;
    state
        .secrets
        .remove(&name, user.name())
        .await
        .map_err(in_words)?;
    Ok(Redirect::to(&format!("/secrets?removed={name}")).into_response())
}

fn named(text: &str) -> Result<SecretName, PageError> {
    // The text is not repeated: a value may have been typed into the wrong field.
    text.parse().map_err(|_| {
        PageError::bad_request("That is no name of a secret: 1 to 64 of a-z, 0-9, '-', '_' and '.', the first a letter or digit.")
    })
}

fn in_words(error: SecretError) -> PageError {
    match error {
        SecretError::Store(error) => error.into(),
        SecretError::Unknown(_) => PageError::not_found("There is no secret of this name."),
        SecretError::Locked(_) | SecretError::OtherKey { .. } | SecretError::Vault(_) => {
            PageError::unavailable(format!("This cannot be done now: {error}."))
        }
        other => PageError::bad_request(format!("This was not done: {other}.")),
    }
}
