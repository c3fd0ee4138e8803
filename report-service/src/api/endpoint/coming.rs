//! A large file that is the whole body: read once whoever sends it is known to be one who may, and in their turn.

use super::{Asked, Call, Description, Given, Media, is_one};
use crate::api::problem::Problem;
use crate::web::PageError;
use crate::web::multipart;
use crate::web::uploads::Turn;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// The file before it is read.
pub struct Coming<M> {
    headers: HeaderMap,
    body: Body,
    media: std::marker::PhantomData<fn() -> M>,
}

/// The file, and the turn in which it is taken: it lasts until the answer is made.
pub struct Taken {
    /// The file.
    pub bytes: Bytes,
    _turn: Turn,
}

impl<M: Media> Given for Coming<M> {
    fn describe(about: &mut Description) {
        about.takes::<M>();
    }

    async fn read(request: Request) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if let Err(problem) = is_one::<M>(&parts.headers) {
            multipart::drained(body).await;
            return Err(problem);
        }
        Ok(Self {
            headers: parts.headers,
            body,
            media: std::marker::PhantomData,
        })
    }
}

impl<T, M> Given for (Asked<T>, Coming<M>)
where
    T: DeserializeOwned + JsonSchema + Send + 'static,
    M: Media,
{
    fn describe(about: &mut Description) {
        Asked::<T>::describe(about);
        Coming::<M>::describe(about);
    }

    async fn read(request: Request) -> Result<Self, Problem> {
        let asked = Asked::of(request.uri());
        let mut coming = Coming::read(request).await?;
        Ok((coming.unless(asked).await?, coming))
    }
}

impl<M> Coming<M> {
    /// What was found out before the file is read; where that is a problem, the file is read and thrown away, so that
    /// whoever is still sending it sees the answer.
    pub(in crate::api) async fn unless<T>(
        &mut self,
        found: Result<T, Problem>,
    ) -> Result<T, Problem> {
        if found.is_err() {
            multipart::drained(std::mem::take(&mut self.body)).await;
        }
        found
    }

    /// The whole of it, in this token's turn.
    pub(in crate::api) async fn take(
        mut self,
        call: &Call,
        bytes_max: usize,
    ) -> Result<Taken, Problem> {
        let problem = |error: PageError| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::from(error)
                .at("body")
                .allowed(format!("at most {bytes_max} bytes")),
            _ => error.into(),
        };
        let (uploading, session) = (&call.state.uploading, call.user.session_id());
        let turn = uploading.admit(session, &self.headers, bytes_max).await;
        let turn = self.unless(turn.map_err(problem)).await?;
        let bytes = multipart::taken(self.body, bytes_max).await;
        Ok(Taken {
            bytes: bytes.map_err(problem)?,
            _turn: turn,
        })
    }
}
