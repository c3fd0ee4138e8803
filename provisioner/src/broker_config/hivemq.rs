//! HiveMQ 4 with its Enterprise Security Extension; written from its documentation.

use std::fmt::Write as _;

use spokegate_contract::Grants;
use spokegate_contract::limits::PACKET_BYTES_MAX;

use super::{File, SANITIZER, Site, client_id};

const RIGHTS: &str = "ese-file-realm.xml";

pub(super) fn render(site: &Site) -> Vec<File> {
    vec![
        File {
            name: "config.xml".to_owned(),
            text: configuration(site),
        },
        File {
            name: "ese-config.xml".to_owned(),
            text: security(site),
        },
        File {
            name: RIGHTS.to_owned(),
            text: rights(site),
        },
    ]
}

fn configuration(site: &Site) -> String {
    format!(
        "\
<?xml version=\"1.0\"?>
<!-- Rendered by: spokegate broker-config hivemq. For HiveMQ 4, from its documentation; not run against HiveMQ.
     HiveMQ reads Java key stores. Make them of {certificate}, {key} and {ca}:
     openssl pkcs12 -export -in CERTIFICATE -inkey KEY -out {folder}/keystore.p12
     keytool -importcert -file CA -keystore {folder}/truststore.p12 -storetype PKCS12 -->
<hivemq>
  <listeners>
    <tls-tcp-listener>
      <port>{port}</port>
      <bind-address>{ip}</bind-address>
      <name>spokegate</name>
      <tls>
        <client-authentication-mode>REQUIRED</client-authentication-mode>
        <protocols>
          <protocol>TLSv1.3</protocol>
          <protocol>TLSv1.2</protocol>
        </protocols>
        <keystore>
          <path>{folder}/keystore.p12</path>
          <password>${{ENV:SPOKEGATE_KEYSTORE_PASSWORD}}</password>
          <private-key-password>${{ENV:SPOKEGATE_KEYSTORE_PASSWORD}}</private-key-password>
        </keystore>
        <truststore>
          <path>{folder}/truststore.p12</path>
          <password>${{ENV:SPOKEGATE_TRUSTSTORE_PASSWORD}}</password>
        </truststore>
      </tls>
    </tls-tcp-listener>
  </listeners>
  <mqtt>
    <quality-of-service><max-qos>1</max-qos></quality-of-service>
    <retained-messages><enabled>false</enabled></retained-messages>
    <shared-subscriptions><enabled>false</enabled></shared-subscriptions>
    <packets><max-packet-size>{PACKET_BYTES_MAX}</max-packet-size></packets>
    <keep-alive><max-keep-alive>300</max-keep-alive><allow-unlimited>false</allow-unlimited></keep-alive>
    <session-expiry><max-interval>60</max-interval></session-expiry>
  </mqtt>
  <security>
    <allow-empty-client-id><enabled>false</enabled></allow-empty-client-id>
  </security>
  <restrictions>
    <max-connections>{connections}</max-connections>
    <max-topic-length>256</max-topic-length>
  </restrictions>
</hivemq>
",
        certificate = site.certificate.display(),
        key = site.key.display(),
        ca = site.ca.display(),
        folder = site.folder.display(),
        port = site.listen.port(),
        ip = site.listen.ip(),
        connections = site.connections_max(),
    )
}

/// The certificate's common name is the role; the roles stand in the realm's file.
fn security(site: &Site) -> String {
    format!(
        "\
<?xml version=\"1.0\"?>
<!-- Rendered by: spokegate broker-config hivemq. Goes to conf/config.xml of the Enterprise Security Extension. -->
<enterprise-security-extension version=\"1\">
  <realms>
    <file-realm>
      <name>spokegate</name>
      <enabled>true</enabled>
      <configuration><file-path>{rights}</file-path></configuration>
    </file-realm>
  </realms>
  <pipelines>
    <listener-pipeline listener=\"spokegate\">
      <authentication-preprocessors>
        <x509-preprocessor>
          <x509-extractions>
            <x509-extraction>
              <x509-field>subject-common-name</x509-field>
              <ese-variable>authorization-role-key</ese-variable>
            </x509-extraction>
          </x509-extractions>
        </x509-preprocessor>
      </authentication-preprocessors>
      <allow-all-authentication-manager/>
      <file-authorization-manager>
        <realm>spokegate</realm>
        <use-authorization-key>false</use-authorization-key>
        <use-authorization-role-key>true</use-authorization-role-key>
      </file-authorization-manager>
    </listener-pipeline>
  </pipelines>
</enterprise-security-extension>
",
        rights = site.place(RIGHTS),
    )
}

fn rights(site: &Site) -> String {
    let mut text = "\
<?xml version=\"1.0\"?>
<!-- Rendered by: spokegate broker-config hivemq. What is not listed is refused. -->
<ese-file-realm>
  <mqtt>
    <roles>
"
    .to_owned();
    let sanitizer: Vec<Grants> = site
        .parties
        .tenants()
        .map(|tenant| Grants::sanitizer(&tenant))
        .collect();
    role(&mut text, SANITIZER.as_str(), &sanitizer);
    for address in site.addresses() {
        role(
            &mut text,
            &client_id(&address),
            &[Grants::satellite(&address)],
        );
    }
    text.push_str("    </roles>\n  </mqtt>\n</ese-file-realm>\n");
    text
}

fn role(text: &mut String, id: &str, grants: &[Grants]) {
    let _ = writeln!(
        text,
        "      <role>\n        <id>{id}</id>\n        <permissions>"
    );
    for grants in grants {
        for (activity, filters) in [
            ("PUBLISH", &grants.publish),
            ("SUBSCRIBE", &grants.subscribe),
        ] {
            for filter in filters {
                let _ = writeln!(
                    text,
                    "          <permission><topic>{filter}</topic><activity>{activity}</activity></permission>"
                );
            }
        }
    }
    text.push_str("        </permissions>\n      </role>\n");
}
