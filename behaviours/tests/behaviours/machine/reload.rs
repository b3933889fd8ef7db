//! A file that changes while its machine runs.

use super::*;

const OTHER: &str = r#"
name = "door"
variables = { opened = 7, more = "yes" }
[state.closed]
on = [{ message = 'body="knock"', do = [{ reply = "inform", body = "{opened} {more}" }], go = "ajar" }]
[state.ajar]
on = [{ message = 'body="shut"', go = "closed" }]
"#;

#[tokio::test(start_paused = true)]
async fn a_file_in_order_is_taken_on_in_the_same_state() {
    let mut world = world(DOOR);
    world.ask("open");
    world.answer().await;
    world.ask("shut");
    world.answer().await;
    world.reaches("closed").await;
    write(world.folder.path(), OTHER);
    pass(2).await;
    assert_eq!(world.machine.report().state, "closed");
    insta::assert_snapshot!(mermaid(&world.machine.diagram()), @r"
    stateDiagram-v2
        [*] --> closed
        closed --> ajar
        ajar --> closed
    ");
    // It hears what it wants now, and counts from where it was.
    world.ask("knock");
    assert_eq!(world.answer().await, "inform 1 yes");
    world.reaches("ajar").await;
    write(world.folder.path(), DOOR);
    pass(2).await;
    // There is no such state any more.
    world.reaches("closed").await;
    world.ask("knock");
    assert!(world.answer().await.starts_with("not-understood"));
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_not_in_order_changes_nothing_and_is_shown() {
    let mut world = world(DOOR);
    world.reaches("closed").await;
    write(world.folder.path(), "[state.closed]\non = [{ after = \"1s\", go = \"nowhere\" }]");
    pass(2).await;
    let told = world.machine.report().last_error.unwrap();
    insta::assert_snapshot!(told, @"`door.toml: state.closed.on[1].go`: no state `nowhere`; there are: closed");
    assert_eq!(world.machine.report().phase, Phase::Running);
    world.ask("open");
    assert!(world.answer().await.starts_with("agree 1"));
    fs::remove_file(world.folder.path().join("door.toml")).unwrap();
    pass(2).await;
    assert!(world.machine.report().last_error.unwrap().starts_with("`door.toml` cannot be read"));
    write(world.folder.path(), &format!("{DOOR}\n# better"));
    pass(2).await;
    assert_eq!(world.machine.report().last_error, None);
    assert_eq!(world.machine.report().state, "open");
}

#[tokio::test(start_paused = true)]
async fn a_time_in_the_state_runs_on_while_the_file_changes() {
    let mut world = world(DOOR);
    world.ask("open");
    world.answer().await;
    pass(20).await;
    write(world.folder.path(), &DOOR.replace("30s", "25s"));
    pass(6).await;
    assert!(world.answer().await.starts_with("inform"));
    assert_eq!(world.machine.report().state, "closed");
}
