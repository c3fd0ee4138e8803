//! Runs before every operation: whose token is it, and is it for this.

use super::ROOT;
use super::problem::Problem;
use crate::auth::Site;
use crate::auth::scope::Scope;
use crate::auth::throttle::Bucket;
use crate::auth::tokens::TokenRefused;
use crate::state::AppState;
use crate::store::audit::{AuditEvent, Decision};
use crate::store::tokens::TokenRow;
use crate::web::guard::address;
use crate::web::session::SignedIn;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;

/// What the gate of one operation needs.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) state: AppState,
    pub(crate) site: Site,
    pub(crate) scope: Scope,
}

/// The middleware around every operation.
pub(crate) async fn check(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    match gate.admit(&mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

impl Gate {
    /// Puts a [`SignedIn`] into the request, or says why not.
    async fn admit(&self, request: &mut Request) -> Result<(), Problem> {
        if request.headers().contains_key(header::COOKIE) {
            let detail = "The API takes no cookies, so that no other site can use yours.";
            let problem = Problem::new(StatusCode::BAD_REQUEST, "cookie", detail)
                .at("header Cookie")
                .next("Send the token alone, in the header Authorization.");
            return Err(problem);
        }
        let address = address(request.extensions());
        let path = request.uri().path();
        let Some(presented) = bearer(request.headers()) else {
            return Err(self
                .refuse((TokenRefused::Missing, None), path, address)
                .await);
        };
        let checked = self.state.tokens.check(presented, self.scope, address);
        let token = match checked.await {
            Ok(token) => token,
            Err(refused) => return Err(self.refuse(refused, path, address).await),
        };
        let user = SignedIn::by_token(token, self.site, address);
        request.extensions_mut().insert(user);
        Ok(())
    }

    async fn refuse(
        &self,
        (refused, token): (TokenRefused, Option<Box<TokenRow>>),
        path: &str,
        address: IpAddr,
    ) -> Problem {
        let reason = refused.to_string();
        let path = path.strip_prefix(ROOT).unwrap_or(path);
        let (from, actor, name, subject) = match &token {
            Some(token) => (
                format!("token:{}", token.id),
                token.person_id.as_str(),
                token.person_name.as_str(),
                format!("token {} {path}", token.id),
            ),
            None => (
                Bucket::address(address).key().to_owned(),
                "unknown",
                "",
                path.to_owned(),
            ),
        };
        let event = AuditEvent {
            at_ms: self.state.clock.now_ms(),
            actor,
            name,
            action: "token.use",
            decision: Decision::Denied,
            reason: &reason,
            subject: &subject,
            address: &address.to_string(),
        };
        // Whoever repeats a refused request must not be able to fill the disk.
        if let Err(error) = self.state.store.audit_stranger(&from, event).await {
            return error.into();
        }
        let has = token.map(|token| token.scopes).unwrap_or_default();
        Problem::of_token(refused, self.scope.as_str(), &has)
    }
}

/// The token of the one `Authorization: Bearer …` header.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (one, None) = (given.next()?, given.next()) else {
        return None;
    };
    let (scheme, token) = one.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| token.trim_matches(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn one_bearer_token_and_nothing_else() {
        let check = |given: &[&str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in given {
                let value = HeaderValue::from_str(value).unwrap();
                headers.append(header::AUTHORIZATION, value);
            }
            assert_eq!(bearer(&headers), expected, "{given:?}");
        };
        check(&["Bearer sgt_x"], Some("sgt_x"));
        check(&["bearer  sgt_x "], Some("sgt_x"));
        check(&[], None);
        check(&["sgt_x"], None);
        check(&["Basic c2d0X3g6"], None);
        check(&["Bearer sgt_x", "Bearer sgt_y"], None);
    }
}
