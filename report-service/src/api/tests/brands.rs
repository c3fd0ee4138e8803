//! Brands: read, set and removed by tokens that may, and by no others.

use super::bench::{Answer, Bench, KINDS};
use crate::auth::Site;
use crate::auth::scope::Scope;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};

const PNG: &str = "image/png";

/// A PNG file.
fn png(width: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, 20);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer
        .write_image_data(&vec![90; width as usize * 20])
        .unwrap();
    drop(writer);
    file
}

impl Bench {
    async fn brand(
        &self,
        token: &str,
        (method, path): (Method, &str),
        (kind, body): (&str, Vec<u8>),
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, kind);
        self.ask(Site::Admin, request, Body::from(body)).await
    }

    async fn put(&self, token: &str, path: &str, order: Value) -> Answer {
        let body = ("application/json", order.to_string().into_bytes());
        self.brand(token, (Method::PUT, path), body).await
    }

    async fn put_logo(&self, token: &str, path: &str, body: (&str, Vec<u8>)) -> u16 {
        let answer = self.brand(token, (Method::PUT, path), body).await;
        answer.status.as_u16()
    }

    async fn seen(&self, token: &str, path: &str) -> Answer {
        self.brand(token, (Method::GET, path), ("text/plain", Vec::new()))
            .await
    }

    async fn delete(&self, token: &str, path: &str) -> u16 {
        let body = ("text/plain", Vec::new());
        let answer = self.brand(token, (Method::DELETE, path), body).await;
        answer.status.as_u16()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_brand_is_set_seen_and_removed() {
    for kind in KINDS {
        let bench = Bench::new(kind).await;
        let scopes = [Scope::AdminRead, Scope::BrandWrite];
        let carol = bench.personal("carol", &["a"], &scopes).await;
        let acme = "/tenants/acme/brand";
        let order = json!({ "name": "Northwind", "address": "1 Quay\nTown", "colour": "#0f6e66" });
        let set = bench.put(&carol, "/brand", order).await;
        assert_eq!(set.status.as_u16(), 204, "{}", set.text());
        assert_eq!(bench.seen(&carol, acme).await.json()["own"], Value::Null);
        let own = json!({ "name": "Acme", "colour": "#8a1c4a" });
        assert_eq!(bench.put(&carol, acme, own).await.status.as_u16(), 204);
        let logo = format!("{acme}/logo");
        assert_eq!(bench.put_logo(&carol, &logo, (PNG, png(40))).await, 204);
        let seen = bench.seen(&carol, acme).await.json();
        assert_eq!(seen["own"]["address"], "", "{seen}");
        assert_eq!(
            seen["shown"],
            json!({
                "name": "Acme", "address": "1 Quay\nTown", "colour": "#8a1c4a",
                "logo_sha256": seen["own"]["logo_sha256"],
            })
        );
        assert_eq!(bench.seen(&carol, &logo).await.body, png(40));
        // Words that are set keep the logo, and the logo the words.
        let renamed = json!({ "name": "Acme Dental" });
        assert_eq!(bench.put(&carol, acme, renamed).await.status.as_u16(), 204);
        assert_eq!(bench.seen(&carol, &logo).await.body, png(40));
        assert_eq!(bench.delete(&carol, &logo).await, 204);
        assert_eq!(bench.seen(&carol, &logo).await.problem().0, 404);
        let seen = bench.seen(&carol, acme).await.json();
        assert_eq!(seen["own"]["name"], "Acme Dental", "{seen}");
        // Nobody else's was touched, and it goes as it came.
        let other = bench.seen(&carol, "/tenants/globex/brand").await.json();
        assert_eq!(other["shown"]["name"], "Northwind", "{other}");
        assert_eq!(bench.delete(&carol, acme).await, 204);
        assert_eq!(bench.delete(&carol, acme).await, 404);
        assert_eq!(bench.seen(&carol, acme).await.json()["own"], Value::Null);
        assert_eq!(bench.audited("branding.set", "allowed").await.len(), 5);
        assert_eq!(bench.audited("branding.remove", "allowed").await.len(), 1);
        bench.service.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_brand_and_who_may_not_set_one() {
    let bench = Bench::new(KINDS[0]).await;
    let write = [Scope::AdminRead, Scope::BrandWrite];
    let carol = bench.personal("carol", &["a"], &write).await;
    let reader = bench.personal("carol", &["a"], &[Scope::AdminRead]).await;
    let acme = "/tenants/acme/brand";
    let refused = async |token: &str, path: &str, order: Value| {
        let answer = bench.put(token, path, order).await;
        let problem = answer.json();
        let place = problem["where"].as_str().unwrap_or_default().to_owned();
        (answer.status.as_u16(), place)
    };
    let check = async |order: Value, expected: (u16, &str)| {
        for path in ["/brand", acme] {
            let found = refused(&carol, path, order.clone()).await;
            assert_eq!((found.0, found.1.as_str()), expected, "{path} {order}");
        }
    };
    check(json!({ "colour": "#ffdd00" }), (422, "colour")).await;
    check(json!({ "colour": "teal" }), (422, "colour")).await;
    check(json!({ "name": "x".repeat(61) }), (422, "name")).await;
    check(json!({ "address": "x\n".repeat(9) }), (422, "address")).await;
    let odd = refused(&carol, acme, json!({ "font": "x" })).await;
    assert_eq!(odd.0, 400);
    for path in ["/brand/logo", "/tenants/acme/brand/logo"] {
        let logo =
            async |kind: &str, body: Vec<u8>| bench.put_logo(&carol, path, (kind, body)).await;
        assert_eq!(logo("image/svg+xml", b"<svg/>".to_vec()).await, 415);
        assert_eq!(logo(PNG, b"<svg xmlns='x'/>".to_vec()).await, 422);
        assert_eq!(logo(PNG, png(8)).await, 422);
        assert_eq!(logo(PNG, vec![0; 512 * 1024 + 1]).await, 413);
        assert_eq!(bench.put_logo(&reader, path, (PNG, png(40))).await, 403);
    }
    let named = || json!({ "name": "x" });
    assert_eq!(refused(&reader, acme, named()).await.0, 403);
    assert_eq!(
        refused(&carol, "/tenants/nobody/brand", named()).await.0,
        404
    );
    assert_eq!(bench.delete(&reader, acme).await, 403);
    // A service token is for its customers alone.
    let program = bench.program("brands", &write, (&["*"], &["acme"])).await;
    assert_eq!(
        refused(&program, "/tenants/globex/brand", named()).await.0,
        404
    );
    assert_eq!(bench.delete(&program, "/tenants/globex/brand").await, 404);
    assert_eq!(refused(&program, "/brand", named()).await.0, 403);
    assert_eq!(bench.delete(&program, "/brand/logo").await, 403);
    let store = &bench.state().store;
    assert_eq!(
        store.brand().await.unwrap(),
        crate::branding::Brand::default()
    );
    assert_eq!(store.brands().await.unwrap(), []);
    let set = bench.put(&program, acme, named()).await;
    assert_eq!(set.status.as_u16(), 204, "{}", set.text());
    bench.service.shutdown().await;
}
