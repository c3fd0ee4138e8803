//! The brand that the documents of one run have.

use ring::digest::{Context, SHA256};
use spokegate_contract::hex;

use super::Brand;

/// The brand that a run's documents show, and the service's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunBrand {
    /// That of the one customer whom the run is for, with the service's where it has nothing; the service's where the run
    /// is for several.
    pub shown: Brand,
    /// The service's.
    pub service: Brand,
}

impl RunBrand {
    /// Of a run for a customer with this brand, or without one.
    #[must_use]
    pub fn of(own: Option<Brand>, service: Brand) -> Self {
        Self {
            shown: own.unwrap_or_default().or(&service),
            service,
        }
    }

    /// SHA-256 in hexadecimal over name, address, colour and the logo's SHA-256 of what is shown, then of the service's;
    /// before each stands its length in bytes (8 bytes, the highest first).
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut whole = Context::new(&SHA256);
        for brand in [&self.shown, &self.service] {
            let colour = brand.colour.map(|colour| colour.to_string());
            let colour = colour.unwrap_or_default();
            for member in [&brand.name, &brand.address, &colour, &brand.logo_sha256] {
                whole.update(&(member.len() as u64).to_be_bytes());
                whole.update(member.as_bytes());
            }
        }
        hex::encode(whole.finish().as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brand(name: &str, address: &str, colour: &str, logo: &str) -> Brand {
        Brand {
            name: name.into(),
            address: address.into(),
            colour: colour.parse().ok(),
            logo_sha256: logo.into(),
        }
    }

    #[test]
    fn what_a_customer_lacks_is_the_services() {
        let service = || brand("Northwind", "1 Quay", "#0f6e66", "aa");
        let check = |own: Option<Brand>, expected: Brand| {
            let run = RunBrand::of(own.clone(), service());
            assert_eq!((run.shown, run.service), (expected, service()), "{own:?}");
        };
        check(None, service());
        check(Some(Brand::default()), service());
        let acme = || brand("Acme", "2 Hill", "#8a1c4a", "bb");
        check(Some(acme()), acme());
        let check = |own: Brand, expected: Brand| check(Some(own), expected);
        check(
            brand("Acme", "", "", ""),
            brand("Acme", "1 Quay", "#0f6e66", "aa"),
        );
        check(
            brand("", "2 Hill", "", ""),
            brand("Northwind", "2 Hill", "#0f6e66", "aa"),
        );
        check(
            brand("", "", "#8a1c4a", ""),
            brand("Northwind", "1 Quay", "#8a1c4a", "aa"),
        );
        check(
            brand("", "", "", "bb"),
            brand("Northwind", "1 Quay", "#0f6e66", "bb"),
        );
        let without = RunBrand::of(Some(acme()), Brand::default());
        assert_eq!((without.shown, without.service), (acme(), Brand::default()));
    }

    #[test]
    fn a_digest_tells_every_brand_from_every_other() {
        let service = || brand("Northwind", "1 Quay", "#0f6e66", "aa");
        let all = [
            RunBrand::default(),
            RunBrand::of(None, service()),
            RunBrand::of(Some(service()), Brand::default()),
            RunBrand::of(Some(brand("Acme", "", "", "")), service()),
            RunBrand::of(Some(brand("Acm", "e", "", "")), Brand::default()),
            RunBrand::of(Some(brand("Acme", "", "", "")), Brand::default()),
            RunBrand::of(Some(brand("", "", "#0f6e66", "")), Brand::default()),
            RunBrand::of(Some(brand("", "", "#0f6e67", "")), Brand::default()),
            RunBrand::of(Some(brand("", "", "", "aa")), Brand::default()),
        ];
        for (at, one) in all.iter().enumerate() {
            for (other_at, other) in all.iter().enumerate() {
                assert_eq!(
                    one.sha256() == other.sha256(),
                    at == other_at,
                    "{one:?} {other:?}"
                );
            }
        }
    }
}
