//! How long a certificate lasts, and when it is renewed. Pure.

use rustls::pki_types::CertificateDer;
use spokegate_contract::envelope::Validity;
use spokegate_identity::{IdentityError, Presented, Serial};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Renewals spread over this part of a life (in thousandths), so that satellites which joined
/// together do not renew together.
const SPREAD: u64 = 100;
/// The middle of the spread: two thirds of a life, in thousandths.
const MIDDLE: u64 = 667;

/// When a certificate begins and ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    pub(crate) serial: Serial,
    pub(crate) not_before_ms: u64,
    pub(crate) not_after_ms: u64,
}

/// Where in its life a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is not valid yet, or the machine's clock is slow.
    Early,
    /// Valid, with time left.
    Fresh,
    /// Valid, and to be renewed.
    Due,
    /// Over, or the machine's clock is fast.
    Expired,
}

impl Life {
    /// The life of a certificate in DER.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Result<Self, IdentityError> {
        let presented = Presented::of(std::slice::from_ref(certificate))?;
        Ok(Self {
            serial: presented.serial().clone(),
            not_before_ms: presented.not_before_ms(),
            not_after_ms: presented.not_after_ms(),
        })
    }

    /// When it begins and ends, as the heartbeat says it; nothing when that cannot be said.
    pub(crate) fn validity(&self) -> Option<Validity> {
        Validity::new(self.not_before_ms / 1_000, self.not_after_ms / 1_000)
    }

    /// When it is renewed: at two thirds of its life, a little earlier or later as its random
    /// serial says, so that a restart changes nothing.
    pub(crate) fn renew_at_ms(&self) -> u64 {
        let life_ms = self.not_after_ms.saturating_sub(self.not_before_ms);
        let tail = self.serial.as_bytes().iter().rev().take(2);
        let random = tail.fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        let thousandths = MIDDLE - SPREAD / 2 + random % (SPREAD + 1);
        self.not_before_ms + life_ms / 1_000 * thousandths
    }

    /// Where in its life it is now.
    pub(crate) fn stage(&self, now_ms: u64) -> Stage {
        if now_ms < self.not_before_ms {
            Stage::Early
        } else if now_ms >= self.not_after_ms {
            Stage::Expired
        } else if now_ms >= self.renew_at_ms() {
            Stage::Due
        } else {
            Stage::Fresh
        }
    }
}

/// A moment as people read it: RFC 3339 in UTC.
pub(crate) fn told(ms: u64) -> String {
    i64::try_from(ms / 1_000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|moment| moment.format(&Rfc3339).ok())
        .unwrap_or_else(|| format!("{ms} ms after 1970"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn stages_follow_one_another() {
        let life = life(0x8000, 10 * DAY_MS, 17 * DAY_MS);
        let renew = life.renew_at_ms();
        for (now_ms, expected) in [
            (0, Stage::Early),
            (10 * DAY_MS - 1, Stage::Early),
            (10 * DAY_MS, Stage::Fresh),
            (renew - 1, Stage::Fresh),
            (renew, Stage::Due),
            (17 * DAY_MS - 1, Stage::Due),
            (17 * DAY_MS, Stage::Expired),
            (u64::MAX, Stage::Expired),
        ] {
            assert_eq!(life.stage(now_ms), expected, "{now_ms}");
        }
    }

    #[test]
    fn a_heartbeat_says_what_a_certificate_says() {
        let said = |from_ms, to_ms| {
            let validity = life(1, from_ms, to_ms).validity();
            validity.map(|it| (it.not_before_s(), it.not_after_s()))
        };
        assert_eq!(said(DAY_MS, 2 * DAY_MS), Some((86_400, 172_800)));
        assert_eq!(said(DAY_MS, DAY_MS), None);
    }

    #[test]
    fn moments_read_well() {
        assert_eq!(told(0), "1970-01-01T00:00:00Z");
        assert_eq!(told(1_789_000_000_999), "2026-09-10T00:26:40Z");
        assert_eq!(told(u64::MAX), format!("{} ms after 1970", u64::MAX));
    }

    proptest! {
        #[test]
        fn renewal_is_about_two_thirds_in_and_the_same_each_time(tail: u16, start in 0..4_000_000_000_000_u64, life_ms in 1_000..40_000_000_000_u64) {
            let life = life(tail, start, start + life_ms);
            let at = life.renew_at_ms();
            prop_assert!(at >= start + life_ms / 1_000 * 617);
            prop_assert!(at <= start + life_ms / 1_000 * 717);
            prop_assert_eq!(at, life.renew_at_ms());
        }
    }

    #[test]
    fn those_who_joined_together_renew_apart() {
        let at = |tail| life(tail, 0, 7 * DAY_MS).renew_at_ms();
        let moments: std::collections::BTreeSet<_> = (0..101).map(at).collect();
        assert_eq!(moments.len(), 101);
        let (first, last) = (moments.first().unwrap(), moments.last().unwrap());
        assert!(last - first > DAY_MS / 2, "{first} {last}");
    }

    fn life(tail: u16, not_before_ms: u64, not_after_ms: u64) -> Life {
        let [high, low] = tail.to_be_bytes();
        Life {
            serial: Serial::new(&[0x40, high, low]),
            not_before_ms,
            not_after_ms,
        }
    }
}
