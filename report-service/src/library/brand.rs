//! A template in a brand: its logos are pictures that the template may show.

use spokegate_contract::TenantId;

use super::{Library, Unusable};
use crate::branding::{Branding, LOGO_NAME, RunBrand, SERVICE_LOGO_NAME, Whose};
use crate::render::Template;

impl Library {
    /// A template with the logos of the brand that a run for these customers has, and that brand.
    pub(super) async fn branded(
        &self,
        template: Template,
        tenants: &[TenantId],
    ) -> Result<(Template, RunBrand), Unusable> {
        let read = self.brandings(tenants).await.map_err(|error| {
            tracing::error!(%error, "a brand could not be read");
            Unusable("The brand could not be read. Tell your administrator.".into())
        })?;
        Ok(dressed(template, read))
    }

    /// The one customer's own brand, and the service's.
    async fn brandings(&self, tenants: &[TenantId]) -> Result<(Branding, Branding), sqlx::Error> {
        let store = &self.shared.parts.store;
        let own = match tenants {
            [one] => store.branding(Whose::Tenant(one)).await?,
            _ => None,
        };
        let service = store.branding(Whose::Service).await?;
        Ok((own.unwrap_or_default(), service.unwrap_or_default()))
    }
}

fn dressed(template: Template, (own, service): (Branding, Branding)) -> (Template, RunBrand) {
    let brand = RunBrand::of(Some(own.brand), service.brand);
    let shown = own.logo.or_else(|| service.logo.clone());
    let logos = [(LOGO_NAME, shown), (SERVICE_LOGO_NAME, service.logo)];
    let add = |template: Template, (name, logo): (&str, Option<crate::branding::Logo>)| match logo {
        Some(logo) => template.with_picture(name, logo.file),
        None => template,
    };
    (logos.into_iter().fold(template, add), brand)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::branding::{Brand, Logo};

    fn branding(logo: Option<&[u8]>) -> Branding {
        Branding {
            brand: Brand {
                logo_sha256: logo.map(|_| "aa".into()).unwrap_or_default(),
                ..Brand::default()
            },
            logo: logo.map(|file| Logo {
                media_type: "image/png".into(),
                file: file.into(),
            }),
        }
    }

    #[test]
    fn a_template_has_the_customers_logo_or_the_services_and_always_the_services() {
        let check = |own: Option<&[u8]>, service: Option<&[u8]>, expected: [Option<&[u8]>; 2]| {
            let template = Template::from(b"x".to_vec());
            let (template, brand) = dressed(template, (branding(own), branding(service)));
            let named = |name: &str| template.pictures.get(name).map(|file| file.to_vec());
            let expected = expected.map(|file| file.map(<[u8]>::to_vec));
            assert_eq!([named(LOGO_NAME), named(SERVICE_LOGO_NAME)], expected);
            assert_eq!(brand.shown.logo_sha256.is_empty(), expected[0].is_none());
            assert_eq!(brand.service.logo_sha256.is_empty(), expected[1].is_none());
        };
        check(None, None, [None, None]);
        check(Some(b"own"), None, [Some(b"own"), None]);
        check(None, Some(b"all"), [Some(b"all"), Some(b"all")]);
        check(Some(b"own"), Some(b"all"), [Some(b"own"), Some(b"all")]);
    }
}
