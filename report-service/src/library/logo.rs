//! Whether a file can be the logo of the brand: looked at in the confined process.

use std::sync::Arc;

use super::Library;
use super::lint::refused;
use super::upload::Refused;
use crate::branding::{LOGO_BYTES_MAX, Logo, fits};

impl Library {
    /// A logo of these bytes.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) async fn logo(&self, file: Arc<[u8]>) -> Result<Logo, Refused> {
        if file.len() > LOGO_BYTES_MAX {
            let most = LOGO_BYTES_MAX >> 10;
            return Err(Refused::File(format!("The logo is larger than {most} KB.")));
        }
        let _look = self.shared.looks.acquire().await.ok();
        let measured = self.shared.parts.renderer.measure(Arc::clone(&file)).await;
        let measured = measured.map_err(refused)?;
        let media_type = measured.media_type;
        fits(&media_type, measured.width, measured.height).map_err(Refused::File)?;
        Ok(Logo { media_type, file })
    }
}
