//! Brands of customers: set on their pages, shown by their documents and by nobody else's, recorded and proved.

use super::branding::png;
use super::*;
use crate::branding::{Brand, Whose};
use crate::testing::word;

const ACME: &str = "/customers/acme/brand";
const SAID: &str = "Name {{ brand.name }}, address {{ brand.address }}, colour {{ brand.colour }}, logo [{{ brand.logo }}], \
     by {{ brand.service.name }} [{{ brand.service.logo }}]";

/// Makes a template that shows all of a brand the active one.
async fn branded_template(carol: &Browser<'_>) {
    let template = word(&[
        SAID,
        "{%p if brand.logo %}",
        "{{ brand.logo|image }}",
        "{%p endif %}",
        "{%p if brand.service.logo %}",
        "{{ brand.service.logo|image }}",
        "{%p endif %}",
    ]);
    let here = "/templates/customer-overview";
    let token = csrf::token_for(&carol.token);
    let path = format!("{here}/upload");
    carol.upload_as("template", &path, &token, &template).await;
    let active = carol.post(&format!("{here}/1/activate"), &[]).await;
    assert_eq!(active.status(), StatusCode::SEE_OTHER);
}

/// The text of a run's document, and its pictures.
async fn document(alice: &Browser<'_>, place: &str) -> (String, Vec<Vec<u8>>) {
    let ended = alice.json(&format!("{place}?wait_ms=60000")).await;
    assert_eq!(ended["state"], "done", "{ended}");
    let file = alice.bytes(&format!("{place}/download")).await;
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(file)).unwrap();
    let (mut xml, mut pictures) = (String::new(), Vec::new());
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut part, &mut bytes).unwrap();
        if name == "word/document.xml" {
            xml = String::from_utf8(bytes).unwrap();
        } else if name.starts_with("word/media/") {
            pictures.push(bytes);
        }
    }
    (xml, pictures)
}

async fn order(alice: &Browser<'_>, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = alice.post(path, fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    let place = answer.headers()[header::LOCATION].to_str().unwrap();
    place.to_owned()
}

async fn start(alice: &Browser<'_>, tenants: &[&str]) -> String {
    let mut fields = vec![("title", "x")];
    fields.extend(tenants.iter().map(|id| ("for-tenant", *id)));
    order(alice, "/reports/customer-overview", &fields).await
}

/// The service is Northwind with a logo, Acme has a name and a logo of its own.
async fn brands(carol: &Browser<'_>) {
    let service = [
        ("name", "Northwind"),
        ("address", "1 Quay"),
        ("colour", "#0f6e66"),
    ];
    let set = carol.brand_at("/branding", &service, &png(300, 80)).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
    let own = [("name", "Acme Dental")];
    let set = carol.brand_at(ACME, &own, &png(90, 90)).await;
    assert_eq!(set.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_has_the_brand_of_its_customer_with_the_services_where_that_is_silent() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    bench.sanitizer.hello("globex").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    branded_template(&carol).await;
    brands(&carol).await;
    let check = async |from: usize, tenants: &[&str], words: &str, pictures: &[Vec<u8>]| {
        let place = start(&alice, tenants).await;
        for at in 0..tenants.len() {
            bench.answer(from + 3 * at).await;
        }
        let (xml, mut found) = document(&alice, &place).await;
        assert!(xml.contains(words), "{words} is not in {xml}");
        found.sort_by_key(Vec::len);
        assert_eq!(found, pictures, "{tenants:?}");
    };
    let (own, service) = (png(90, 90), png(300, 80));
    let words = "Name Acme Dental, address 1 Quay, colour #0f6e66, logo [brand-logo], by Northwind [service-logo]";
    check(0, &["acme"], words, &[own, service.clone()]).await;
    let words = "Name Northwind, address 1 Quay, colour #0f6e66, logo [brand-logo], by Northwind [service-logo]";
    let both: &[Vec<u8>] = std::slice::from_ref(&service);
    check(3, &["globex"], words, both).await;
    // Of several customers it is nobody's own.
    check(6, &["acme", "globex"], words, both).await;
    carol.post(&format!("{ACME}/remove"), &[]).await;
    check(12, &["acme"], words, both).await;
    let plain = carol
        .brand_at("/branding", &[("no-logo", "yes")], b"")
        .await;
    assert_eq!(plain.status(), StatusCode::SEE_OTHER);
    let words = "Name , address , colour , logo [], by  []";
    check(15, &["acme"], words, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_records_its_brand_and_the_proof_tells_of_a_change() {
    let bench = Bench::new().await;
    bench.sanitizer.hello("acme").await;
    let carol = bench.browser("carol", Site::Admin).await;
    let alice = bench.browser("alice", Site::Forms).await;
    branded_template(&carol).await;
    brands(&carol).await;
    let place = alice.start().await;
    bench.answer(0).await;
    document(&alice, &place).await;
    let id = place.rsplit('/').next().unwrap().parse().unwrap();
    let store = &bench.service.state().store;
    let run = store.run(&id).await.unwrap().unwrap();
    let now = store.run_brand(&run.tenants).await.unwrap();
    assert_eq!(
        (run.brand_sha256.len(), &run.brand_sha256),
        (64, &now.sha256())
    );
    let proof = format!("{place}/proof");
    let proved = async |expected: &[&str]| {
        let page = text(alice.post(&proof, &[]).await).await;
        for words in expected {
            assert!(page.contains(words), "{words} is not in {page}");
        }
    };
    let kept = "the kept brand is the one that the run was made with";
    let same = "the same to the byte";
    proved(&[">holds<", kept, same, "the brand is the same today"]).await;
    // Another customer's brand is nothing to it; its own and the service's are.
    let path = "/customers/globex/brand";
    carol.brand_at(path, &[("name", "Globex")], b"").await;
    proved(&[">holds<", "the brand is the same today"]).await;
    carol.brand_at(ACME, &[("name", "Acme 2")], b"").await;
    proved(&[">holds<", kept, same, "the brand was changed since"]).await;
    // Made again with the same data it is in the brand of today.
    let second = order(&alice, &format!("{place}/again"), &[("data", "same")]).await;
    let (xml, _) = document(&alice, &second).await;
    assert!(xml.contains("Name Acme 2,"), "{xml}");
    // A record that is not of the kept brand is found.
    sqlx::query("UPDATE run SET brand_sha256 = $1 WHERE id = $2")
        .bind("0".repeat(64))
        .bind(id.as_str())
        .execute(store.turn().await.unwrap().pool())
        .await
        .unwrap();
    proved(&["does not hold", "the kept brand has the digest"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_set_list_refuse_and_remove_it() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    brands(&carol).await;
    let (_, page) = carol.get(ACME).await;
    for expected in [
        "value=\"Acme Dental\"",
        "placeholder=\"Northwind\"",
        "/branding/sample.css?colour=0f6e66",
        "The service's colour: a contrast of 6.1 to 1",
        "/customers/acme/brand/logo?v=",
    ] {
        let page = page.replace("&#39;", "'");
        assert!(page.contains(expected), "{expected} is not in {page}");
    }
    assert_eq!(carol.bytes(&format!("{ACME}/logo")).await, png(90, 90));
    let check = async |fields: &[(&str, &str)], logo: &[u8], expected: &[&str]| {
        let answer = carol.brand_at(ACME, fields, logo).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = text(answer).await;
        for words in expected {
            assert!(page.contains(words), "{words} is not in {page}");
        }
    };
    let yellow = [
        "at least 4.5 to 1",
        "The nearest that can be read",
        "value=\"#ffdd00\"",
    ];
    check(&[("colour", "#ffdd00")], b"", &yellow).await;
    let long = "x\n".repeat(9);
    check(&[("address", &long)], b"", &["at most 8 lines"]).await;
    check(&[], &png(8, 8), &["each side must have 16 to 2000"]).await;
    check(&[], b"<svg xmlns='x'/>", &["SVG drawing"]).await;
    let store = &bench.service.state().store;
    let acme = "acme".parse().unwrap();
    let own = store.brand_of(Whose::Tenant(&acme)).await.unwrap().unwrap();
    assert_eq!(own.name, "Acme Dental", "what is refused changes nothing");
    // An empty form is no brand, and who has none has none to remove.
    carol.brand_at(ACME, &[("no-logo", "yes")], b"").await;
    assert_eq!(store.brand_of(Whose::Tenant(&acme)).await.unwrap(), None);
    let none = carol.post(&format!("{ACME}/remove"), &[]).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND);
    for path in [
        "/customers/nobody/brand",
        "/customers/nobody/brand/logo",
        "/customers/acme/brand/logo",
    ] {
        assert_eq!(carol.get(path).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    let records = store.audit_page(None, 100).await.unwrap();
    let count = |action: &str, decision: &str| {
        let acts = records.iter().filter(|it| it.action == action);
        acts.filter(|it| it.decision == decision).count()
    };
    assert_eq!(count("branding.set", "allowed"), 2);
    assert_eq!(count("branding.set", "denied"), 4);
    assert_eq!(count("branding.remove", "allowed"), 1);
    // It is an administrator's page.
    let alice = bench.browser("alice", Site::Forms).await;
    assert_eq!(alice.get(ACME).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_customers_that_left_so_that_theirs_can_be_removed() {
    let bench = Bench::new().await;
    let carol = bench.browser("carol", Site::Admin).await;
    brands(&carol).await;
    let store = &bench.service.state().store;
    let (_, list) = carol.get("/branding").await;
    assert!(
        list.contains("id=\"brand-acme\"") && list.contains("Acme Dental"),
        "{list}"
    );
    assert!(!list.contains("no longer in the configuration"), "{list}");
    let gone = "umbrella".parse().unwrap();
    let left = crate::branding::Branding {
        brand: Brand {
            name: "Umbrella".into(),
            ..Brand::default()
        },
        logo: None,
    };
    store
        .brand_set(Whose::Tenant(&gone), &left, (1, "x"))
        .await
        .unwrap();
    let (_, list) = carol.get("/branding").await;
    assert!(list.contains("no longer in the configuration"), "{list}");
    let removed = carol.post("/customers/umbrella/brand/remove", &[]).await;
    assert_eq!(removed.status(), StatusCode::SEE_OTHER);
    let left = store.brands().await.unwrap();
    assert_eq!((left.len(), left[0].0.as_str()), (1, "acme"));
}
