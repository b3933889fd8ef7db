//! Items: stored once each, found again, refused with reasons.

use crate::world::{World, answer, item, steady, uuid};

#[tokio::test]
async fn an_item_is_stored_once_however_often_it_comes() {
    let world = World::new().await;
    let one = item(uuid(1), 1_700_000_000, "all is well\nor is it\n");
    let first = answer(world.post("/api/v1/items", &one).await).await;
    insta::assert_json_snapshot!(first, @r"");
    let second = answer(world.post("/api/v1/items", &one).await).await;
    insta::assert_json_snapshot!(second, @r"");
    let list = steady(world.read("/api/v1/items").await);
    insta::assert_json_snapshot!(list, @r"");
}
