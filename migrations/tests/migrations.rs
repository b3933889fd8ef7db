//! The steps, on a database that is only in memory.

#[cfg(test)]
mod tests {
    use migrations::Migrator;
    use sea_orm_migration::{
        MigratorTrait, SchemaManager,
        sea_orm::{ConnectOptions, Database},
    };

    #[tokio::test]
    async fn a_database_goes_up_and_down_and_up_again() {
        let mut options = ConnectOptions::new("sqlite::memory:");
        options.max_connections(1);
        let db = Database::connect(options).await.unwrap();
        let manager = SchemaManager::new(&db);
        let tables =
            ["items", "batches", "agents", "behaviours", "presence", "events", "tokens", "alerts"];
        for _ in 0..2 {
            Migrator::up(&db, None).await.unwrap();
            for table in tables {
                assert!(manager.has_table(table).await.unwrap(), "{table}");
            }
            // What is up to date stays as it is.
            Migrator::up(&db, None).await.unwrap();
            Migrator::down(&db, None).await.unwrap();
            for table in tables {
                assert!(!manager.has_table(table).await.unwrap(), "{table}");
            }
        }
    }
}
