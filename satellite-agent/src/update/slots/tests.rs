use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest as _, Sha256};
use spokegate_identity::SigningKey;
use spokegate_identity::release::{Architecture, Release};

use super::*;

struct Place {
    folder: tempfile::TempDir,
    slots: Slots,
    key: SigningKey,
    keys: ReleaseKeys,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let key = SigningKey::from_pkcs8(&pair.serialize_der()).unwrap();
    Place {
        slots: Slots::new(folder.path().join("slots")),
        keys: key.public_key().to_string().parse().unwrap(),
        folder,
        key,
    }
}

impl Place {
    fn release(&self, version: &str, content: &str) -> SignedRelease {
        let release = Release {
            version: version.parse().unwrap(),
            architecture: Architecture::Amd64,
            digest: Sha256::digest(content).into(),
            bytes: content.len() as u64,
        };
        release.sign(&self.key).unwrap()
    }

    fn stage(&self, version: &str, cut: Option<Moment>) {
        std::fs::create_dir_all(self.slots.folder()).unwrap();
        let file = self.folder.path().join("parcel");
        std::fs::write(&file, version).unwrap();
        let what = (self.release(version, version), RequestId::random());
        let steps = || {
            self.slots.stage_by_steps(&file, what, |moment| {
                assert!(Some(moment) != cut, "the power fails");
            })
        };
        match cut {
            None => steps().unwrap(),
            Some(_) => assert!(catch_unwind(AssertUnwindSafe(steps)).is_err()),
        }
    }

    /// What would run: the first version that is whole.
    fn runs(&self) -> Option<String> {
        let state = self.slots.read().unwrap();
        let known = [&state.current, &state.previous];
        let mut whole = known.into_iter().flatten();
        let program = whole.find_map(|occupied| self.slots.verified(occupied, &self.keys).ok());
        program.map(|program| std::fs::read_to_string(program).unwrap())
    }
}

#[test]
fn versions_take_turns() {
    let place = place();
    assert_eq!(place.slots.read().unwrap(), State::default());
    for (version, slot) in [("1.1.0", Slot::A), ("1.2.0", Slot::B), ("1.3.0", Slot::A)] {
        let before = place.runs();
        place.stage(version, None);
        assert_eq!(place.runs(), before, "it is not run but tried");
        let trial = place.slots.read().unwrap().trial.unwrap();
        assert_eq!((trial.occupied.slot, trial.starts), (slot, 0));
        assert!(place.slots.tries(&place.slots.program(slot)));
        place.slots.confirm("good").unwrap();
        assert_eq!(place.runs().as_deref(), Some(version));
        assert!(!place.slots.tries(&place.slots.program(slot)));
    }
    // What ran before still is there, should the newest be damaged.
    std::fs::write(place.slots.program(Slot::A), "damaged").unwrap();
    assert_eq!(place.runs().as_deref(), Some("1.2.0"));
}

#[test]
fn a_loss_of_power_at_any_moment_leaves_what_runs() {
    for cut in [Moment::Freed, Moment::Placed, Moment::Noted] {
        let place = place();
        place.stage("1.1.0", None);
        place.slots.confirm("good").unwrap();
        place.stage("1.2.0", None);
        place.slots.confirm("good").unwrap();
        place.stage("1.3.0", Some(cut));
        assert_eq!(place.runs().as_deref(), Some("1.2.0"), "{cut:?}");
        let tried = place.slots.read().unwrap().trial.is_some();
        assert_eq!(tried, cut == Moment::Noted);
        if !tried {
            place.stage("1.3.0", None);
        }
        place.slots.confirm("good").unwrap();
        assert_eq!(place.runs().as_deref(), Some("1.3.0"), "{cut:?}");
    }
}

#[test]
fn only_what_a_release_key_signed_is_run() {
    let place = place();
    place.stage("1.1.0", None);
    let occupied = place.slots.read().unwrap().trial.unwrap().occupied;
    assert!(place.slots.verified(&occupied, &place.keys).is_ok());
    // Another file, with a note to match.
    std::fs::write(place.slots.program(Slot::A), "hostile").unwrap();
    assert!(place.slots.verified(&occupied, &place.keys).is_err());
    let forged = Place { ..self::place() };
    let hostile = Occupied {
        slot: Slot::A,
        release: forged.release("9.9.9", "hostile"),
    };
    let refused = place.slots.verified(&hostile, &place.keys).unwrap_err();
    assert!(
        refused.to_string().contains("not signed by a release key"),
        "{refused}"
    );
}

#[test]
fn a_trial_that_ends_badly_is_told_and_undone() {
    let place = place();
    place.stage("1.1.0", None);
    place.slots.confirm("good").unwrap();
    place.stage("1.2.0", None);
    let mut state = place.slots.read().unwrap();
    let command = state.trial.as_ref().unwrap().command;
    state.roll_back("it was late");
    let expected = Ended {
        command,
        healthy: false,
        detail: "1.2.0 was taken back: it was late".to_owned(),
    };
    assert_eq!(state.ended, Some(expected.clone()));
    place.slots.write(&state).unwrap();
    assert_eq!(place.runs().as_deref(), Some("1.1.0"));
    // A second word changes nothing.
    state.roll_back("again");
    state.confirm("good");
    assert_eq!(state.ended, Some(expected));
}

#[test]
fn who_installs_another_package_runs_that() {
    let place = place();
    let first = State::default().beside("one");
    assert_eq!(first.packaged, "one");
    std::fs::create_dir_all(place.slots.folder()).unwrap();
    place.slots.write(&first).unwrap();
    place.stage("1.1.0", None);
    let state = place.slots.read().unwrap();
    assert_eq!(state.clone().beside("one"), state);
    let anew = state.beside("two");
    assert!(anew.trial.is_none() && !anew.ended.as_ref().unwrap().healthy);
    place.slots.write(&first).unwrap();
    place.stage("1.1.0", None);
    place.slots.confirm("good").unwrap();
    let state = place.slots.read().unwrap();
    assert!(state.clone().beside("one").current.is_some());
    assert!(state.beside("two").current.is_none());
}

#[test]
fn a_damaged_note_is_an_error() {
    let place = place();
    place.stage("1.1.0", None);
    std::fs::write(place.slots.folder().join(NOTE), "{").unwrap();
    assert!(place.slots.read().is_err());
}
