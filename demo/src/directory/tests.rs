use std::sync::Arc;

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Scope, SearchEntry};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::authority::Authority;

struct Bed {
    directory: Directory,
    authority: Authority,
    _folder: tempfile::TempDir,
}

#[tokio::test]
async fn people_bind_with_their_password_and_with_no_other() {
    let bed = bed().await;
    let alice = "uid=alice,ou=People,dc=msp,dc=demo";
    let check = async |dn, password, expected| {
        let code = client(&bed)
            .await
            .simple_bind(dn, password)
            .await
            .unwrap()
            .rc;
        assert_eq!(code, expected, "{dn} {password}");
    };
    check(alice, "right", 0).await;
    check("UID=Alice, ou=people, dc=msp,dc=demo", "right", 0).await;
    check(alice, "wrong", 49).await;
    check(alice, "", 53).await;
    check("uid=nobody,ou=People,dc=msp,dc=demo", "right", 49).await;
    check("cn=forms-users,ou=Groups,dc=msp,dc=demo", "", 53).await;
    check("cn=forms-users,ou=Groups,dc=msp,dc=demo", "right", 49).await;
    check("", "", 0).await;
    check(SERVICE_DN, "service", 0).await;
}

#[tokio::test]
async fn nobody_searches_without_a_bind_but_the_root_is_open() {
    let bed = bed().await;
    let mut client = client(&bed).await;
    let root = client
        .search("", Scope::Base, "(objectClass=*)", ["namingContexts"])
        .await
        .unwrap();
    assert_eq!(
        SearchEntry::construct(root.0[0].clone()).attrs["namingContexts"],
        [BASE]
    );
    let refused = client
        .search(BASE, Scope::Subtree, "(uid=alice)", ["cn"])
        .await
        .unwrap();
    assert_eq!(refused.1.rc, 50);
    client.simple_bind(SERVICE_DN, "service").await.unwrap();
    let found = client
        .search(BASE, Scope::Subtree, "(uid=alice)", ["cn"])
        .await
        .unwrap();
    assert_eq!(found.0.len(), 1);
}

#[tokio::test]
async fn searches_find_what_their_filter_says() {
    let bed = bed().await;
    let mut client = client(&bed).await;
    client.simple_bind(SERVICE_DN, "service").await.unwrap();
    let mut check = async |base: &str, scope, filter: &str, expected: &[&str]| {
        let (entries, result) = client
            .search(base, scope, filter, ["1.1"])
            .await
            .unwrap()
            .success()
            .unwrap();
        assert_eq!(result.rc, 0);
        let mut names: Vec<_> = entries
            .into_iter()
            .map(|entry| SearchEntry::construct(entry).dn)
            .collect();
        names
            .iter_mut()
            .for_each(|dn| *dn = dn.split(',').next().unwrap().to_owned());
        assert_eq!(names, expected, "{filter}");
    };
    let people = "ou=People,dc=msp,dc=demo";
    check(BASE, Scope::Subtree, "(uid=ALICE)", &["uid=alice"]).await;
    check(
        BASE,
        Scope::Subtree,
        "(|(uid=alice)(uid=carol))",
        &["uid=alice", "uid=carol"],
    )
    .await;
    check(
        BASE,
        Scope::Subtree,
        "(&(objectClass=inetOrgPerson)(!(uid=alice)))",
        &["uid=carol"],
    )
    .await;
    check(BASE, Scope::Subtree, "(mail=al*msp*demo)", &["uid=alice"]).await;
    check(BASE, Scope::Subtree, "(mail=al*x*demo)", &[]).await;
    check(BASE, Scope::Subtree, "(uid=\\2a)", &[]).await;
    check(
        people,
        Scope::OneLevel,
        "(objectClass=*)",
        &["uid=alice", "uid=carol"],
    )
    .await;
    check(people, Scope::Base, "(objectClass=*)", &["ou=People"]).await;
    check(
        "ou=Groups,dc=msp,dc=demo",
        Scope::Subtree,
        "(uid=alice)",
        &[],
    )
    .await;
    check(
        BASE,
        Scope::Subtree,
        "(member=uid=alice,ou=People,dc=msp,dc=demo)",
        &["cn=forms-users"],
    )
    .await;
    check(
        BASE,
        Scope::Subtree,
        "(member=cn=fabric-admins,ou=Groups,dc=msp,dc=demo)",
        &["cn=forms-users"],
    )
    .await;
}

#[tokio::test]
async fn attributes_come_as_asked_and_ids_stay() {
    let bed = bed().await;
    let mut client = client(&bed).await;
    client.simple_bind(SERVICE_DN, "service").await.unwrap();
    let mut names = async |asked: &[&str]| {
        let found = client
            .search(BASE, Scope::Subtree, "(uid=alice)", asked.to_vec())
            .await
            .unwrap()
            .0;
        let mut names: Vec<_> = SearchEntry::construct(found[0].clone())
            .attrs
            .into_keys()
            .collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(names(&["entryuuid", "cn"]).await, "cn entryUUID");
    assert_eq!(names(&["1.1"]).await, "");
    assert_eq!(names(&["+"]).await, "entryUUID");
    assert!(!names(&["*"]).await.contains("entryUUID"));
    assert!(
        !names(&["*", "+", "userPassword"])
            .await
            .contains("userPassword")
    );
}

#[tokio::test]
async fn membership_changes_while_it_runs() {
    let bed = bed().await;
    let mut client = client(&bed).await;
    client.simple_bind(SERVICE_DN, "service").await.unwrap();
    let mut groups = async || {
        let filter = "(member=uid=alice,ou=People,dc=msp,dc=demo)";
        client
            .search(BASE, Scope::Subtree, filter, ["1.1"])
            .await
            .unwrap()
            .0
            .len()
    };
    assert_eq!(groups().await, 1);
    bed.directory.set_membership("alice", "forms-users", false);
    assert_eq!(groups().await, 0);
    bed.directory.set_membership("alice", "forms-users", true);
    assert_eq!(groups().await, 1);
}

#[tokio::test]
async fn a_stopped_directory_is_gone() {
    let bed = bed().await;
    let mut open = client(&bed).await;
    bed.directory.stop().await;
    assert!(open.simple_bind(SERVICE_DN, "service").await.is_err());
    assert!(
        tokio::net::TcpStream::connect(bed.directory.addr())
            .await
            .is_err()
    );
}

async fn bed() -> Bed {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path(), &Context::new().clock)
        .await
        .unwrap();
    let files = authority.web("directory").unwrap();
    let person = |uid: &str, name: &str| Person {
        uid: uid.to_owned(),
        name: name.to_owned(),
        password: Secret::new("right"),
    };
    let group = |name: &str, people: &[&str], groups: &[&str]| Group {
        name: name.to_owned(),
        people: people.iter().map(|uid| (*uid).to_owned()).collect(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
    };
    let content = Content {
        people: vec![
            person("alice", "Alice Moreau"),
            person("carol", "Carol Tan"),
        ],
        groups: vec![
            group("fabric-admins", &["carol"], &[]),
            group("forms-users", &["alice"], &["fabric-admins"]),
        ],
        service_password: Secret::new("service"),
    };
    let directory = Directory::bind(&content, &files.certificate, &files.key, &Context::new())
        .await
        .unwrap();
    Bed {
        directory,
        authority,
        _folder: folder,
    }
}

async fn client(bed: &Bed) -> Ldap {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(bed.authority.web_ca()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let settings = LdapConnSettings::new().set_config(Arc::new(tls));
    let url = format!("ldaps://localhost:{}", bed.directory.addr().port());
    let (connection, ldap) = LdapConnAsync::with_settings(settings, &url).await.unwrap();
    Context::new()
        .tasks
        .spawn("test client", connection.drive());
    ldap
}
