//! A store of each kind: what holds of one must hold of the other.

use std::ops::Deref;

use crate::store::{Store, StoreKind, StoreUrl};
use spokegate_sources::servers::postgres;

/// A new store that goes with the test. When the test fails, it says of which kind it was.
pub(crate) struct TestStore {
    store: Store,
    url: StoreUrl,
    _folder: tempfile::TempDir,
}

/// A new, empty store in SQLite and one in PostgreSQL.
pub(crate) async fn stores() -> [TestStore; 2] {
    [
        TestStore::new(StoreKind::Sqlite).await,
        TestStore::new(StoreKind::Postgres).await,
    ]
}

impl TestStore {
    /// A new, empty store of a kind.
    pub(crate) async fn new(kind: StoreKind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = match kind {
            StoreKind::Sqlite => format!("sqlite://{}/store.db", folder.path().display()),
            StoreKind::Postgres => postgres::database(),
        };
        let url = StoreUrl::parse(&url).unwrap();
        Self {
            store: Store::open_at(&url).await.unwrap(),
            url,
            _folder: folder,
        }
    }

    /// Another handle to the same data, as another process has it.
    pub(crate) async fn again(&self) -> Store {
        Store::open_at(&self.url).await.unwrap()
    }
}

impl TestStore {
    /// Where it is.
    pub(crate) fn url(&self) -> &StoreUrl {
        &self.url
    }
}

impl Deref for TestStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for TestStore {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {} at {}", self.store.kind().as_str(), self.url);
        }
    }
}
