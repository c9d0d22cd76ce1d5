//! The port's suite on SQLite.

use std::sync::Arc;

use base::{FixedClock, SeededRng};
use store::Store;
use store::conformance::{Ground, Site};
use store_sqlite::SqliteStore;

struct Directory(tempfile::TempDir);

impl Ground for Directory {
    fn open(&self, clock: Arc<FixedClock>) -> Arc<dyn Store> {
        SqliteStore::open(self.0.path(), clock, &SeededRng::new(1)).expect("a store opens")
    }
}

macro_rules! case {
    ($module:ident :: $name:ident) => {
        #[tokio::test]
        async fn $name() {
            let ground = Directory(tempfile::tempdir().unwrap());
            store::conformance::$module::$name(Site::new(Box::new(ground))).await;
        }
    };
}

store::each_case!(case);
