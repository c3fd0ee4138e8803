//! Whether a command comes from the fabric's authority, for us.

use spokegate_contract::envelope::Command;
use spokegate_contract::{Address, Verb};
use spokegate_identity::PublicKey;
use spokegate_identity::proof::{CommandClaim, verify_command};

use crate::credentials::Store;
use crate::credentials::store::StoreError;

/// Why a command is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum VerifyError {
    #[error(transparent)]
    Roots(#[from] StoreError),
    #[error("it is not signed by a root that this satellite trusts, or not as it came")]
    Signature,
}

/// Any of the trusted roots may have signed.
pub(super) fn verify(
    store: &Store,
    address: &Address,
    verb: Verb,
    command: &Command,
) -> Result<(), VerifyError> {
    let claim = CommandClaim {
        address,
        verb,
        id: &command.id,
        number: command.number,
        expires_ms: command.expires_ms,
        args: &command.args,
    };
    let roots = store.roots()?;
    let signed = roots.iter().any(|root| {
        PublicKey::of_certificate(root)
            .is_ok_and(|key| verify_command(&key, &claim, &command.signature).is_ok())
    });
    if signed {
        Ok(())
    } else {
        Err(VerifyError::Signature)
    }
}
