//! The broker, in this process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spokegate_broker::{Broker, BrokerConfig, DEFAULTS, ListenerKind};
use spokegate_daemon::Context;
use spokegate_daemon::config::Layered;

use super::{TRUST_DOMAIN, quoted};
use crate::authority::Authority;
use crate::state::State;
use crate::{BrokerChoice, BrokerNeeds, Options, Service};

/// A running broker.
pub struct Running {
    broker: Broker,
    addr: SocketAddr,
    door: SocketAddr,
    config: Template,
    context: Context,
    admin: PathBuf,
}

/// The configuration without its addresses.
struct Template {
    text: String,
    settings: Vec<String>,
}

pub(crate) async fn start(
    options: &Options,
    state: &State,
    authority: &Authority,
    context: &Context,
) -> anyhow::Result<Running> {
    let tls = authority.broker().await?;
    let folder = state.sub("broker")?;
    let (admin, list) = (folder.join("admin.sock"), folder.join("crl.pem"));
    authority.export_list(&list).await?;
    let text = format!(
        r#"
trust_domain = "{TRUST_DOMAIN}"
[tls]
certificate = {}
key = {}
client_ca = {}
[revocation]
crl_file = {}
[admin]
socket = {}
"#,
        quoted(&tls.certificate),
        quoted(&tls.key),
        quoted(&tls.ca),
        quoted(&list),
        quoted(&admin),
    );
    let settings = options.settings_of(Service::Broker);
    let config = Template {
        text,
        settings: settings.map(str::to_owned).collect(),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let broker = config.bind((any, any), context).await?;
    let door = broker.address_of(ListenerKind::Enrolment);
    let addr = match &options.broker {
        BrokerChoice::Embedded => broker.addr(),
        BrokerChoice::External(other) => other.start(&BrokerNeeds {
            trust_domain: TRUST_DOMAIN.parse().context("the trust domain is one")?,
            tls,
            satellites: options.addresses(),
        })?,
    };
    Ok(Running {
        addr,
        door: door.context("the broker has no door")?,
        broker,
        config,
        context: context.clone(),
        admin,
    })
}

impl Template {
    async fn bind(
        &self,
        (mtls, door): (SocketAddr, SocketAddr),
        context: &Context,
    ) -> anyhow::Result<Broker> {
        let listeners: String = [("mtls", mtls), ("enrolment", door)]
            .map(|(kind, address)| {
                format!("[[listener]]\nkind = \"{kind}\"\naddress = \"{address}\"\n")
            })
            .concat();
        let layered = Layered::<BrokerConfig>::new("BROKER", DEFAULTS)
            .no_environment()
            .text("demo", &(self.text.clone() + &listeners));
        let config = self.settings.iter().fold(layered, Layered::flag).load()?;
        Broker::bind(config, &context.child()).await
    }
}

impl Running {
    /// Where clients connect: at our own broker, or at the other one that was chosen.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where satellites without a certificate ask for one.
    #[must_use]
    pub fn door_addr(&self) -> SocketAddr {
        self.door
    }

    /// The socket of `spokegate-broker sessions`, `drain` and `disconnect`.
    #[must_use]
    pub fn admin_socket(&self) -> &Path {
        &self.admin
    }

    /// The broker itself.
    #[must_use]
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Stops it; sessions end.
    pub async fn stop(&self) {
        self.broker.shutdown().await;
    }

    /// Stops it and starts it again at the same addresses, with what it kept on disk.
    ///
    /// # Errors
    /// When the addresses are taken.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await;
        self.broker = self
            .config
            .bind((self.broker.addr(), self.door), &self.context)
            .await?;
        Ok(())
    }
}
