//! Certificates that are about to end, and what becomes of them.

use std::path::Path;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use spokegate_contract::Address;
use spokegate_daemon::Clock;
use spokegate_demo::Fabric;
use spokegate_identity::{Presented, TlsFiles};
use spokegate_provisioner::{CertificatePlan, Hop, Office, Validity};

/// How long a renewal may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Gives acme's satellite a certificate with this life, from now, and starts its agent with it. Gives its serial.
pub(crate) async fn short_lived(fabric: &mut Fabric, from_ms: i64, until_ms: i64) -> String {
    let office = Office::open(&fabric.authorities()).await.unwrap();
    let now_ms = Clock::system().now_ms();
    let at = |offset: i64| now_ms.checked_add_signed(offset).unwrap();
    let address = Address::new("acme".parse().unwrap(), "hq".parse().unwrap());
    let domain = office.authorities().fabric.trust_domain().clone();
    let life = Validity::between(at(from_ms), at(until_ms));
    let plan = CertificatePlan::satellite(&address, &domain, life).unwrap();
    let issued = office.issue(Hop::Fabric, &plan, now_ms).await.unwrap();
    office.close().await;
    let satellite = fabric.satellite("acme").unwrap();
    satellite.stop_agent().await;
    let identity = satellite.identity().to_owned();
    std::fs::remove_dir_all(&identity).unwrap();
    issued.write(&identity).unwrap();
    satellite.start_agent().await.unwrap();
    issued.certified.serial.to_string()
}

/// Waits until another certificate is in the folder; gives when that ends.
pub(crate) async fn until_renewed(identity: &Path, serial: &str) -> u64 {
    let files = TlsFiles::in_directory(identity);
    let end = Instant::now() + PATIENCE;
    loop {
        let der = CertificateDer::from_pem_file(&files.certificate).unwrap();
        let presented = Presented::of(&[der]).unwrap();
        if presented.serial().to_string() != serial {
            return presented.not_after_ms();
        }
        assert!(Instant::now() < end, "it did not renew");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
