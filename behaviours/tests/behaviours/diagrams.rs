//! The states of every behaviour, as they are drawn.

use behaviours::{anchor, check, collect, forward, heartbeat, register, report};
use insta::assert_snapshot;
use runtime::{State, diagram, mermaid};

fn drawn<S: State>() -> String {
    mermaid(&diagram::<S>())
}

#[test]
fn a_check_goes_round() {
    assert_snapshot!(drawn::<check::State>(), @"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Looking
        Waiting --> Done
        Looking --> Judging
        Judging --> Keeping
        Keeping --> Waiting
        Keeping --> NoRoom
        Keeping --> Done
        NoRoom --> Keeping
        Done --> [*]
    ");
}

#[test]
fn a_report_tells_and_waits() {
    assert_snapshot!(drawn::<report::State>(), @r"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Telling
        Telling --> Awaiting
        Telling --> Resting
        Telling --> Waiting
        Awaiting --> Waiting
        Awaiting --> Telling
        Awaiting --> Awaiting
        Awaiting --> Resting
        Resting --> Telling
    ");
}

#[test]
fn a_collector_keeps_before_it_confirms() {
    assert_snapshot!(drawn::<collect::State>(), @r"
    stateDiagram-v2
        [*] --> Listening
        Listening --> Keeping
        Keeping --> Confirming
        Keeping --> Full
        Confirming --> Listening
        Full --> Keeping
    ");
}

#[test]
fn an_anchor_keeps_what_was_stamped() {
    assert_snapshot!(drawn::<anchor::State>(), @r"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Gathering
        Gathering --> Stamping
        Stamping --> Keeping
        Stamping --> Resting
        Stamping --> Waiting
        Keeping --> Waiting
        Keeping --> NoRoom
        NoRoom --> Keeping
        Resting --> Stamping
    ");
}

#[test]
fn a_forwarder_settles_what_was_posted() {
    assert_snapshot!(drawn::<forward::State>(), @r"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Posting
        Posting --> Settling
        Posting --> Waiting
        Posting --> Resting
        Posting --> Posting
        Settling --> Posting
        Settling --> Resting
        Resting --> Posting
    ");
}

#[test]
fn a_heartbeat_beats() {
    assert_snapshot!(drawn::<heartbeat::State>(), @r"
    stateDiagram-v2
        [*] --> Waiting
        Waiting --> Telling
        Telling --> Waiting
    ");
}

#[test]
fn a_registrar_watches() {
    assert_snapshot!(drawn::<register::State>(), @r"
    stateDiagram-v2
        [*] --> Starting
        Starting --> Noting
        Watching --> Answering
        Watching --> Noting
        Watching --> Calling
        Answering --> Watching
        Noting --> Watching
        Calling --> Watching
    ");
}
