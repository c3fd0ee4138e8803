//! The description of the API (OpenAPI 3.1), made of the route table and of the types.

use crate::auth::scope::Scope;
use crate::web::{admin_routes, forms_routes};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The whole description.
#[must_use]
pub fn document() -> Value {
    let mut paths: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for routes in [forms_routes(), admin_routes()] {
        for entry in routes.table() {
            let Some(described) = &entry.described else {
                continue;
            };
            schemas.extend(described.schemas.clone());
            let operations = paths.entry(entry.path).or_default();
            let method = entry.method.as_str().to_lowercase();
            operations.insert(method, described.operation.clone());
        }
    }
    let scopes: Vec<String> = Scope::ALL
        .iter()
        .map(|scope| format!("`{scope}`: {}.", scope.words()))
        .collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Spokegate reports",
            "version": "1",
            "description": "Reports, runs, their documents and data, batches, schedules, reviews and templates; for administrators satellites, quarantine, audit trail and health. Times are RFC 3339 in UTC, days are YYYY-MM-DD.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "tags": [
            { "name": "forms", "description": "On the listener where staff work." },
            { "name": "admin", "description": "On the listener where administrators work." },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "What went wrong, and what to do.",
                    "content": {
                        "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } },
                    },
                },
            },
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "sgt_ and 43 letters",
                    "description": format!("A token from the page \"Your API tokens\", or a service token that an administrator made on \"API tokens\". Scopes: {}", scopes.join(" ")),
                },
            },
        },
    })
}
