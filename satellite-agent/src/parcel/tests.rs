use std::os::unix::fs::symlink;

use spokegate_contract::RequestId;

use super::*;
use crate::uplink::uplink;

const PARTS: usize = 3;

struct World {
    folder: tempfile::TempDir,
    content: Vec<u8>,
    whole: Content,
    command: Command,
    address: Address,
    clock: Clock,
    tasks: Tasks,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..PARTS * PARCEL_PART_BYTES - 5)
        .map(|at| (at / 7) as u8)
        .collect();
    let clock = Clock::system();
    World {
        whole: Content {
            digest: Sha256::digest(&content).into(),
            bytes: content.len() as u64,
        },
        command: Command {
            id: RequestId::random(),
            args: Bytes::new(),
            number: 1,
            expires_ms: clock.now_ms() + 60_000,
            signature: Bytes::new(),
        },
        address: Address::new("acme".parse().unwrap(), "hq".parse().unwrap()),
        clock,
        tasks: Tasks::new(),
        folder,
        content,
    }
}

impl World {
    fn part(&self, index: usize) -> Parcel {
        let at = index * PARCEL_PART_BYTES;
        let end = (at + PARCEL_PART_BYTES).min(self.content.len());
        Parcel {
            body: self.content[at..end].to_vec().into(),
            index: index as u32,
            digest: self.whole.digest,
        }
    }

    /// Fetches, with these parts on their way and no others to come.
    async fn fetch(&self, parts: Vec<Parcel>) -> Result<PathBuf, CommandOutcome> {
        let (sender, receiver) = mpsc::channel(16);
        for part in parts {
            sender.try_send(part).unwrap();
        }
        drop(sender);
        let (_setter, uplink) = uplink();
        let mut parcels = Parcels {
            address: self.address.clone(),
            parts: receiver,
            uplink,
            clock: self.clock.clone(),
            tasks: self.tasks.clone(),
        };
        let fetched = parcels.fetch(&self.command, self.whole, self.folder.path());
        fetched.await
    }

    fn partial(&self) -> PathBuf {
        let name = hex::encode(&self.whole.digest);
        self.folder.path().join(name).with_extension(ENDING)
    }

    fn is_clear(&self) -> bool {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.count() == 0
    }
}

#[track_caller]
fn check(fetched: Result<PathBuf, CommandOutcome>, expected: CommandFault, words: &str) {
    match fetched {
        Err(CommandOutcome::Failed { fault, detail }) => {
            assert_eq!(fault, expected, "{detail}");
            assert!(detail.contains(words), "{detail}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_parcel_is_fetched_in_any_order_and_what_others_left_is_removed() {
    let world = world();
    std::fs::write(world.folder.path().join("00ff.part"), "left").unwrap();
    std::fs::write(world.folder.path().join("slots.json"), "{}").unwrap();
    let parts = vec![world.part(2), world.part(0), world.part(0), world.part(1)];
    let file = world.fetch(parts).await.unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), world.content);
    assert!(!world.folder.path().join("00ff.part").exists());
    assert!(world.folder.path().join("slots.json").exists());
}

#[tokio::test]
async fn what_came_before_a_restart_is_not_fetched_again() {
    let world = world();
    // One part and a half: the half is not relied on.
    let begun = &world.content[..PARCEL_PART_BYTES * 3 / 2];
    std::fs::write(world.partial(), begun).unwrap();
    let file = world
        .fetch(vec![world.part(1), world.part(2)])
        .await
        .unwrap();
    assert_eq!(std::fs::read(file).unwrap(), world.content);
}

#[tokio::test]
async fn what_a_loss_of_power_damaged_is_fetched_anew() {
    let world = world();
    std::fs::write(world.partial(), vec![0; PARCEL_PART_BYTES]).unwrap();
    let all = [1, 2, 0, 1, 2].map(|index| world.part(index)).to_vec();
    let file = world.fetch(all).await.unwrap();
    assert_eq!(std::fs::read(file).unwrap(), world.content);
}

#[tokio::test]
async fn another_content_is_refused_and_not_kept() {
    let world = world();
    let mut wrong = world.part(1);
    wrong.body = vec![9; PARCEL_PART_BYTES].into();
    let fetched = world.fetch(vec![world.part(0), wrong, world.part(2)]).await;
    check(fetched, CommandFault::Parcel, "another SHA-256");
    assert!(world.is_clear());
}

#[tokio::test]
async fn a_parcel_that_is_longer_than_said_is_refused() {
    let world = world();
    let mut longer = world.part(2);
    longer.body = vec![9; PARCEL_PART_BYTES].into();
    let fetched = world.fetch(vec![longer]).await;
    check(
        fetched,
        CommandFault::Parcel,
        "part 2 has 98304 bytes where 98299 are due",
    );
    assert!(world.is_clear());
}

#[tokio::test]
async fn a_part_of_another_parcel_is_not_taken() {
    let world = world();
    let mut other = world.part(1);
    other.digest = [0; 32];
    // Nothing else comes: the channel's end is the agent's.
    let fetched = world.fetch(vec![world.part(0), other, world.part(2)]).await;
    check(fetched, CommandFault::Failed, "the agent stops");
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let world = world();
    symlink("/dev/full", world.partial()).unwrap();
    let fetched = world.fetch(vec![world.part(0)]).await;
    check(fetched, CommandFault::Failed, "No space left on device");
    assert!(world.is_clear());
}

#[tokio::test]
async fn what_does_not_come_in_time_is_given_up() {
    let mut world = world();
    world.command.expires_ms = 1;
    let fetched = world.fetch(Vec::new()).await;
    check(fetched, CommandFault::Expired, "0 of 3 parts had come");
    assert!(world.is_clear());
}
