//! How an operation is declared: with its words, and with types that both read the request, write the answer and
//! describe themselves.

pub mod coming;

use super::BODY_BYTES_MAX;
use super::problem::{Details, Problem};
use crate::auth::scope::Scope;
use crate::state::AppState;
use crate::web::Routes;
use crate::web::session::SignedIn;
use axum::body::{Body, Bytes};
use axum::extract::{Query, RawPathParams, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use std::future::Future;
use std::pin::Pin;

/// What an operation is, before its types are known.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name in programs: `orderRun`.
    pub id: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else there is to know; may be empty.
    pub details: &'static str,
    /// Which scope a token needs.
    pub scope: Scope,
}

/// A request after the gate.
pub struct Call {
    /// The service.
    pub state: AppState,
    /// Whose token it is.
    pub user: SignedIn,
    params: Vec<(String, String)>,
}

impl Call {
    /// A part of the address by its name in the pattern.
    #[must_use]
    pub fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }
}

/// What an operation is described with.
pub struct Description {
    generator: SchemaGenerator,
    members: Map<String, Value>,
    parameters: Vec<Value>,
    responses: Map<String, Value>,
}

impl Description {
    fn schema<T: JsonSchema>(&mut self) -> Value {
        self.generator.subschema_for::<T>().into()
    }

    fn takes<M: Media>(&mut self) {
        let content = files::<M>();
        self.members.insert(
            "requestBody".into(),
            json!({ "required": true, "content": content }),
        );
    }

    fn answer(&mut self, status: StatusCode, words: &str, content: Value) {
        let mut answer = json!({ "description": words });
        if !content.is_null() {
            answer["content"] = content;
        }
        self.responses.insert(status.as_u16().to_string(), answer);
    }
}

/// An operation's description (OpenAPI 3.1), and the schemas that it refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Described {
    /// The operation object.
    pub operation: Value,
    /// Schemas by name.
    pub schemas: Map<String, Value>,
}

/// What an operation takes beside its address.
pub trait Given: Sized + Send + 'static {
    /// Says what it is.
    fn describe(about: &mut Description);

    /// Reads it.
    fn read(request: Request) -> impl Future<Output = Result<Self, Problem>> + Send;
}

/// What an operation answers.
pub trait Gives: Send + 'static {
    /// Says what it is.
    fn describe(about: &mut Description);

    /// The answer.
    fn give(self) -> Response;
}

/// Nothing beside the address.
pub struct Nothing;

impl Given for Nothing {
    fn describe(_about: &mut Description) {}

    async fn read(_request: Request) -> Result<Self, Problem> {
        Ok(Self)
    }
}

/// Parameters in the address, after the question mark.
pub struct Asked<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Given for Asked<T> {
    fn describe(about: &mut Description) {
        let schema = T::json_schema(&mut about.generator);
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        let is_required = |name: &str| {
            required.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(name)))
        };
        for (name, mut schema) in properties.cloned().unwrap_or_default() {
            let words = schema
                .as_object_mut()
                .and_then(|schema| schema.remove("description"))
                .unwrap_or_default();
            about.parameters.push(json!({
                "name": name, "in": "query", "required": is_required(&name), "description": words, "schema": present(schema),
            }));
        }
    }

    async fn read(request: Request) -> Result<Self, Problem> {
        Self::of(request.uri())
    }
}

impl<T: DeserializeOwned> Asked<T> {
    fn of(uri: &Uri) -> Result<Self, Problem> {
        let asked = Query::<T>::try_from_uri(uri);
        let asked = asked.map_err(|rejected| {
            let why = rejected.body_text();
            let why = why
                .strip_prefix("Failed to deserialize query string: ")
                .unwrap_or(&why);
            Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-query",
                format!("The address cannot be read: {why}."),
            )
            .at("query")
        })?;
        Ok(Self(asked.0))
    }
}

/// The schema of a parameter that is there: one that is not is left out of the address, and is no null.
fn present(mut schema: Value) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.retain(|name, value| !(name == "default" && value.is_null()));
        if let Some(Value::Array(types)) = members.get_mut("type") {
            types.retain(|word| word != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                members.insert("type".into(), one);
            }
        }
    }
    match schema.get("anyOf").and_then(Value::as_array) {
        Some(either) => either.first().cloned().unwrap_or_default(),
        None => schema,
    }
}

/// A body in JSON.
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Given for Sent<T> {
    fn describe(about: &mut Description) {
        let schema = about.schema::<T>();
        about.members.insert(
            "requestBody".into(),
            json!({ "required": true, "content": { "application/json": { "schema": schema } } }),
        );
    }

    async fn read(request: Request) -> Result<Self, Problem> {
        if !is_said(request.headers(), "application/json") {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            let detail = "The body is not said to be JSON.";
            return Err(Problem::new(status, "not-json", detail)
                .at("header Content-Type")
                .allowed("application/json"));
        }
        let body = bytes(request.into_body(), BODY_BYTES_MAX).await?;
        let read = serde_json::from_slice(&body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default().to_owned();
            Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed-json",
                format!("The body cannot be read: {why}."),
            )
            .at(&format!("body, line {line}, column {column}"))
            .next("Compare it with the description at /api/v1/openapi.json.")
        })?;
        Ok(Self(read))
    }
}

/// A file that is the whole body.
pub struct SentFile<M> {
    /// The file.
    pub bytes: Bytes,
    media: std::marker::PhantomData<M>,
}

/// Files that an operation takes.
pub trait Takes: Media {
    /// The most bytes.
    const BYTES_MAX: usize;
}

impl<M: Takes> Given for SentFile<M> {
    fn describe(about: &mut Description) {
        about.takes::<M>();
    }

    async fn read(request: Request) -> Result<Self, Problem> {
        is_one::<M>(request.headers())?;
        Ok(Self {
            bytes: bytes(request.into_body(), M::BYTES_MAX).await?,
            media: std::marker::PhantomData,
        })
    }
}

/// Whether a file is said to be of a kind that is taken.
fn is_one<M: Media>(headers: &HeaderMap) -> Result<(), Problem> {
    if M::TYPES.iter().any(|media| is_said(headers, media)) {
        return Ok(());
    }
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    let detail = "The body is not said to be such a file.";
    Err(Problem::new(status, "wrong-media-type", detail)
        .at("header Content-Type")
        .allowed(M::TYPES.join(", ")))
}

/// The media types of a file, as a description has them.
fn files<M: Media>() -> Map<String, Value> {
    let named = |media: &&str| ((*media).to_owned(), json!({}));
    M::TYPES.iter().map(named).collect()
}

fn is_said(headers: &HeaderMap, media: &str) -> bool {
    let given = headers.get(header::CONTENT_TYPE);
    let given = given.and_then(|given| given.to_str().ok()).unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    essence.eq_ignore_ascii_case(media)
}

async fn bytes(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let read = axum::body::to_bytes(body, bytes_max).await;
    read.map_err(|_| {
        let detail = "The body is too large or was cut off on the way.";
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
            .at("body")
            .allowed(format!("at most {bytes_max} bytes"))
    })
}

/// 200 with JSON.
pub struct Found<T>(pub T);

impl<T: serde::Serialize + JsonSchema + Send + 'static> Gives for Found<T> {
    fn describe(about: &mut Description) {
        let schema = about.schema::<T>();
        let content = json!({ "application/json": { "schema": schema } });
        about.answer(StatusCode::OK, "That is it.", content);
    }

    fn give(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

/// 201 with JSON, and where it is from now on.
pub struct Made<T>(pub String, pub T);

impl<T: serde::Serialize + JsonSchema + Send + 'static> Gives for Made<T> {
    fn describe(about: &mut Description) {
        let schema = about.schema::<T>();
        let content = json!({ "application/json": { "schema": schema } });
        about.answer(
            StatusCode::CREATED,
            "It was made; the header Location says where it is.",
            content,
        );
    }

    fn give(self) -> Response {
        let place = [(header::LOCATION, self.0)];
        (StatusCode::CREATED, place, axum::Json(self.1)).into_response()
    }
}

/// 204: done, and nothing more to say.
pub struct Done;

impl Gives for Done {
    fn describe(about: &mut Description) {
        about.answer(StatusCode::NO_CONTENT, "It is done.", Value::Null);
    }

    fn give(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// 200 with a file of one of some media types.
pub struct File<M>(pub Response, pub std::marker::PhantomData<M>);

/// The media types of a file.
pub trait Media: Send + 'static {
    /// All that it may be.
    const TYPES: &'static [&'static str];
}

impl<M> File<M> {
    /// The answer, which is a file.
    #[must_use]
    pub fn of(answer: Response) -> Self {
        Self(answer, std::marker::PhantomData)
    }
}

impl<M: Media> Gives for File<M> {
    fn describe(about: &mut Description) {
        about.answer(StatusCode::OK, "The file.", files::<M>().into());
    }

    fn give(self) -> Response {
        self.0
    }
}

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Adds an operation to a listener's routes.
#[must_use]
pub(super) fn add<F, Fut, I, O>(
    routes: Routes,
    (method, path): (Method, &'static str),
    operation: Operation,
    handler: F,
) -> Routes
where
    F: Fn(Call, I) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<O, Problem>> + Send + 'static,
    I: Given,
    O: Gives,
{
    let described = describe::<I, O>(path, operation);
    let answer = move |State(state): State<AppState>,
                       user: SignedIn,
                       params: RawPathParams,
                       request: Request|
          -> Answer {
        let handler = handler.clone();
        let params = params.iter();
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let call = Call {
            state,
            user,
            params: params.collect(),
        };
        Box::pin(async move {
            let given = match I::read(request).await {
                Ok(given) => given,
                Err(problem) => return problem.into_response(),
            };
            match handler(call, given).await {
                Ok(gives) => gives.give(),
                Err(problem) => problem.into_response(),
            }
        })
    };
    routes.operation((method, path), operation.scope, described, answer)
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

fn describe<I: Given, O: Gives>(path: &str, operation: Operation) -> Described {
    let mut about = Description {
        generator: generator(),
        members: Map::new(),
        parameters: path_parameters(path),
        responses: Map::new(),
    };
    I::describe(&mut about);
    O::describe(&mut about);
    let _: Schema = about.generator.subschema_for::<Details>();
    about.responses.insert(
        "default".into(),
        json!({ "$ref": "#/components/responses/Problem" }),
    );
    let mut members = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "security": [{ "token": [operation.scope.as_str()] }],
        "tags": [operation.scope.site().as_str()],
    });
    if !operation.details.is_empty() {
        members["description"] = operation.details.into();
    }
    if !about.parameters.is_empty() {
        members["parameters"] = about.parameters.into();
    }
    for (name, value) in about.members {
        members[name] = value;
    }
    members["responses"] = about.responses.into();
    Described {
        operation: members,
        schemas: about.generator.take_definitions(true),
    }
}

/// The names in braces, each with what it is.
fn path_parameters(path: &str) -> Vec<Value> {
    let names = path
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split('}').next());
    let words = |name: &str| match name {
        "report" => "The report's id.",
        "run" => "The run's id, 32 hexadecimal digits.",
        "batch" => "The batch's id, 32 hexadecimal digits.",
        "schedule" => "The schedule's id, 32 hexadecimal digits.",
        "tenant" => "The customer's id.",
        "part" => "The name of the dataset in the report.",
        "field" => "The name of the input.",
        "version" => "The template's version; 0 is the template as shipped.",
        "page" => "The page's number, from 1.",
        _ => "",
    };
    names
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true, "description": words(name),
                "schema": { "type": "string" },
            })
        })
        .collect()
}
