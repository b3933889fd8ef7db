//! Who is chosen, and who stays chosen.

use types::Announcement;

use super::*;

fn presence(jid: &str, show: Show) -> Presence {
    let duties = vec!["aggregate".to_owned()];
    let announcement =
        Announcement { role: "aggregator".to_owned(), duties, ..Announcement::default() };
    Presence { jid: jid.to_owned(), show, announcement, ..Presence::default() }
}

fn loaded(jid: &str, load: u8) -> Presence {
    Presence { load, ..presence(jid, Show::Available) }
}

fn flapping(jid: &str, show: Show) -> Presence {
    Presence { flapping: true, ..presence(jid, show) }
}

fn pick(directory: &Directory) -> Option<String> {
    let chosen = directory.pick(&"aggregate".into(), &"probe@test/1".into());
    chosen.map(|it| it.to_string())
}

#[test]
fn the_most_available_is_picked_and_nobody_who_is_gone() {
    let directory = Directory::default();
    let asker = AgentId::from("probe@test");
    assert_eq!(directory.pick(&"aggregate".into(), &asker), None);
    directory.note(presence("a@test/1", Show::Away));
    directory.note(presence("b@test", Show::Available));
    assert_eq!(directory.pick(&"aggregate".into(), &asker), Some("b@test".into()));
    assert_eq!(directory.pick(&"analyze".into(), &asker), None);
    directory.note(presence("b@test", Show::Unavailable));
    assert_eq!(directory.pick(&"aggregate".into(), &asker), Some("a@test".into()));
}

#[test]
fn equals_share_the_askers() {
    let directory = Directory::default();
    directory.note_all([presence("a@test", Show::Available), presence("b@test", Show::Available)]);
    let pick =
        |n: u32| directory.pick(&"aggregate".into(), &AgentId::from(format!("probe{n}@test")));
    let chosen_a = (0..100).filter(|n| pick(*n) == Some("a@test".into())).count();
    assert!((20..80).contains(&chosen_a), "{chosen_a}");
    assert_eq!(pick(7), pick(7));
}

#[test]
fn a_bare_goodbye_keeps_what_was_announced_and_a_repeat_is_no_news() {
    let directory = Directory::default();
    let mut moves = directory.moves();
    directory.note(presence("a@test", Show::Available));
    directory.note(Presence { since_ms: 9, ..presence("a@test", Show::Available) });
    let gone = presence("a@test", Show::Unavailable);
    directory.note(Presence { announcement: Announcement::default(), ..gone });
    assert_eq!(moves.try_recv().unwrap().show, Show::Available);
    assert_eq!(moves.try_recv().unwrap().announcement.role, "aggregator");
    assert!(moves.try_recv().is_err());
}

#[test]
fn the_less_loaded_is_picked_but_availability_comes_first() {
    for (a, b, chosen) in [(80, 10, "b@test"), (10, 80, "a@test"), (30, 20, "b@test")] {
        let directory = Directory::default();
        directory.note_all([loaded("a@test", a), loaded("b@test", b)]);
        assert_eq!(pick(&directory).as_deref(), Some(chosen), "{a} {b}");
    }
    let directory = Directory::default();
    directory.note_all([loaded("a@test", 99), presence("b@test", Show::Away)]);
    assert_eq!(pick(&directory).as_deref(), Some("a@test"));
}

#[test]
fn loads_within_a_step_are_equal() {
    let directory = Directory::default();
    directory.note_all([loaded("a@test", 0), loaded("b@test", 24)]);
    let pick =
        |n: u32| directory.pick(&"aggregate".into(), &AgentId::from(format!("probe{n}@test")));
    let chosen_a = (0..100).filter(|n| pick(*n) == Some("a@test".into())).count();
    assert!((20..80).contains(&chosen_a), "{chosen_a}");
}

#[test]
fn whoever_was_chosen_stays_chosen_while_there_is_no_reason_to_leave() {
    let stays = |directory: &Directory| pick(directory).as_deref() == Some("a@test");
    let directory = Directory::default();
    directory.note(loaded("a@test", 10));
    assert!(stays(&directory));
    for news in [
        loaded("b@test", 0),
        loaded("a@test", 74),
        presence("c@test", Show::Away),
        loaded("b@test", 50),
        loaded("a@test", 99),
    ] {
        directory.note(news.clone());
        assert!(stays(&directory), "{news:?}");
    }
    directory.note(loaded("b@test", 49));
    assert_eq!(pick(&directory).as_deref(), Some("b@test"));
    directory.note(loaded("a@test", 0));
    assert_eq!(pick(&directory).as_deref(), Some("b@test"), "and does not go back");
}

#[test]
fn every_reason_to_leave_is_one() {
    let label = |value: &str| {
        let mut there = presence("a@test", Show::Available);
        there.announcement.labels.insert("site".to_owned(), value.to_owned());
        there
    };
    let duty = Duty::from("aggregate[site=lux1]");
    let asker = AgentId::from("probe@test");
    for news in [
        presence("a@test", Show::Unavailable),
        presence("a@test", Show::Away),
        label("lux2"),
        Presence { flapping: true, ..label("lux1") },
        Presence { load: 75, ..label("lux1") },
    ] {
        let directory = Directory::default();
        directory.note(label("lux1"));
        assert_eq!(directory.pick(&duty, &asker), Some("a@test".into()));
        directory.note(Presence { jid: "b@test".to_owned(), ..label("lux1") });
        assert_eq!(directory.pick(&duty, &asker), Some("a@test".into()));
        directory.note(news.clone());
        assert_eq!(directory.pick(&duty, &asker), Some("b@test".into()), "{news:?}");
    }
    let directory = Directory::default();
    directory.note(presence("a@test", Show::Available));
    assert_eq!(pick(&directory).as_deref(), Some("a@test"));
    directory.note(presence("b@test", Show::Chat));
    assert_eq!(pick(&directory).as_deref(), Some("b@test"), "somebody is more available");
}

#[test]
fn who_comes_and_goes_comes_after_others_of_the_same_availability() {
    let directory = Directory::default();
    directory.note(flapping("a@test", Show::Available));
    assert_eq!(pick(&directory).as_deref(), Some("a@test"));
    directory.note(presence("b@test", Show::Away));
    assert_eq!(pick(&directory).as_deref(), Some("a@test"), "availability comes first");
    directory.note(loaded("c@test", 99));
    assert_eq!(pick(&directory).as_deref(), Some("c@test"), "and load last");
    directory.note(presence("c@test", Show::Unavailable));
    directory.note(flapping("d@test", Show::Available));
    directory.note(loaded("c@test", 99));
    assert_eq!(pick(&directory).as_deref(), Some("c@test"), "no load drives to who comes and goes");
}

#[tokio::test(start_paused = true)]
async fn a_suspect_is_passed_over_for_its_time_while_there_is_anybody_else() {
    let directory = Directory::default();
    let minute = Duration::from_mins(1);
    directory.note(presence("a@test", Show::Available));
    directory.suspect(&"a@test/1".into(), minute);
    assert_eq!(pick(&directory).as_deref(), Some("a@test"), "there is nobody else");
    directory.note(presence("b@test", Show::Dnd));
    assert_eq!(pick(&directory).as_deref(), Some("b@test"));
    directory.suspect(&"b@test".into(), minute * 2);
    assert_eq!(pick(&directory).as_deref(), Some("a@test"), "all are suspects");
    directory.trust(&"b@test".into());
    assert_eq!(pick(&directory).as_deref(), Some("b@test"));
    tokio::time::advance(minute).await;
    assert_eq!(pick(&directory).as_deref(), Some("a@test"), "its time is up");
}

#[test]
fn a_roll_call_finds_by_duty_label_and_availability() {
    let directory = Directory::default();
    let mut labelled = presence("a@test", Show::Away);
    labelled.announcement.labels.insert("site".to_owned(), "lux1".to_owned());
    let other =
        Presence { announcement: Announcement::default(), ..presence("c@test", Show::Chat) };
    directory.note_all([labelled, presence("b@test", Show::Available), other]);
    let find = |call: RollCall| {
        directory.find(&call).into_iter().map(|it| it.jid).collect::<Vec<_>>().join(" ")
    };
    let all = RollCall::default;
    let duties = vec!["analyze".to_owned(), "aggregate".to_owned()];
    assert_eq!(find(all()), "a@test b@test c@test");
    assert_eq!(find(RollCall { duties, ..all() }), "a@test b@test");
    let labels = [("site".to_owned(), "lux1".to_owned())].into();
    assert_eq!(find(RollCall { labels, ..all() }), "a@test");
    assert_eq!(find(RollCall { shows: vec![Show::Chat, Show::Away], ..all() }), "a@test c@test");
}

#[test]
fn who_wants_no_messages_is_not_picked() {
    let directory = Directory::default();
    directory.note(Presence { priority: -1, ..presence("a@test", Show::Chat) });
    assert_eq!(pick(&directory), None);
    directory.note(presence("b@test", Show::Xa));
    assert_eq!(pick(&directory).as_deref(), Some("b@test"));
}
