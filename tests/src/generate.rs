//! Cases for the property tests: what happens to a connection, and to a hub.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;

use crate::hub_model::Operation;
use crate::script::{
    Asked, Changed, Elsewhere, Gate, Mode, News, Pace, Script, Setup, Size, Step, To, Verdict, With,
};
use crate::traffic::{any_request, bodyless, call, listen, valid, visit};

/// 1000 cases, which take a second or so, or as many as `PROPTEST_CASES` says. A failure prints a
/// script to be pasted into `tests/protocol/regressions.rs`, and takes minutes to be made short:
/// where nobody reads it, `PROPTEST_MAX_SHRINK_ITERS=0` spares that. Nothing is written to disk.
#[must_use]
pub fn config() -> Config {
    let cases = std::env::var("PROPTEST_CASES").ok();
    let is_shrunk = std::env::var_os("PROPTEST_MAX_SHRINK_ITERS").is_none_or(|most| most != "0");
    Config {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(1000),
        failure_persistence: None,
        max_shrink_iters: if is_shrunk { 20_000 } else { 0 },
        ..Config::default()
    }
}

/// Any traffic, any steps.
pub fn scripts() -> impl Strategy<Value = Script> {
    let requests = vec(any_request(), 1..6).prop_map(|requests| requests.concat());
    let any = assemble(setup(), requests, vec(step(), 0..24));
    prop_oneof![5 => any, 3 => visits(), 1 => applicants()]
}

/// Requests that wait to be let in, and mostly are.
pub fn applicants() -> impl Strategy<Value = Script> {
    let setup = setup().prop_map(|setup| Setup { gate: Gate::Slow, ..setup });
    let requests = vec(any_request(), 1..6).prop_map(|requests| requests.concat());
    let step = prop_oneof![
        2 => Just(Step::Feed(u16::MAX)),
        4 => verdict().prop_map(Step::Authorize),
        2 => (to(), with()).prop_map(|(to, with)| Step::Reply(to, with)),
        4 => step(),
    ];
    assemble(setup, requests, vec(step, 0..24))
}

/// The same, of peers that leave meanwhile.
pub fn applicants_that_leave() -> impl Strategy<Value = Script> {
    let leave = select(vec![Step::Fin, Step::Reset]);
    (applicants(), any::<Index>(), leave).prop_map(|(mut script, at, leave)| {
        script.steps.insert(at.index(script.steps.len() + 1), leave);
        script
    })
}

/// Any traffic, of peers that stop reading and do not begin again.
pub fn deaf_peers() -> impl Strategy<Value = Script> {
    (scripts(), any::<Index>()).prop_map(|(mut script, at)| {
        let is_about_reading = |step: &Step| matches!(step, Step::Read(_) | Step::Resume);
        script.steps.retain(|step| !is_about_reading(step));
        script.steps.insert(at.index(script.steps.len() + 1), Step::Stall);
        script.steps.extend([Step::Feed(u16::MAX), Step::Reply(To::Newest, With::Text)]);
        script.steps.extend([Step::Deadline; 3]);
        script
    })
}

/// Traffic in one session, and what happens there.
pub fn visits() -> impl Strategy<Value = Script> {
    let setup = setup().prop_map(|setup| Setup { keeps_sessions: true, ..setup });
    let step = prop_oneof![
        4 => (to(), with()).prop_map(|(to, with)| Step::Reply(to, with)),
        4 => (to(), news()).prop_map(|(to, news)| Step::Notify(to, news)),
        2 => (to(), asked()).prop_map(|(to, asked)| Step::Ask(to, asked)),
        4 => changed().prop_map(Step::Change),
        2 => elsewhere().prop_map(Step::Elsewhere),
        4 => step(),
    ];
    let steps = vec(step, 0..24).prop_map(|steps| {
        let begin = [Step::Feed(u16::MAX)];
        begin.into_iter().chain(steps).collect()
    });
    assemble(setup, visit(), steps)
}

/// Valid requests only, so that nothing but the steps disturbs them.
pub fn valid_scripts() -> impl Strategy<Value = Script> {
    let request = prop_oneof![5 => valid(), 1 => bodyless()];
    let requests = vec(request, 1..6).prop_map(|requests| requests.concat());
    // Enough room for all of them.
    let setup = setup().prop_map(|setup| Setup { size: Size::Usual, ..setup });
    assemble(setup, requests, vec(step(), 0..24))
}

/// Calls and nothing else, each of which is served.
pub fn calls() -> impl Strategy<Value = Script> {
    let setup = setup().prop_map(|setup| Setup { size: Size::Usual, gate: Gate::Open, ..setup });
    let step = prop_oneof![
        3 => (1..2000_u16).prop_map(Step::Feed),
        1 => to().prop_map(|to| Step::Reply(to, With::Text)),
    ];
    let steps = vec(step, 0..24).prop_map(|mut steps| {
        steps.push(Step::Feed(u16::MAX));
        steps
    });
    assemble(setup, vec(call(), 1..8).prop_map(|calls| calls.concat()), steps)
}

/// The same few requests again and again, far more than the limits have room for.
pub fn floods() -> impl Strategy<Value = Script> {
    let gate = select(vec![Gate::Open, Gate::Prompt, Gate::Slow]);
    let setup = (setup(), select(vec![Size::Tiny, Size::Small]), gate);
    let setup = setup.prop_map(|(setup, size, gate)| Setup { size, gate, ..setup });
    let requests = (vec(any_request(), 1..3), 1..200_usize)
        .prop_map(|(requests, times)| requests.concat().repeat(times));
    let step = prop_oneof![
        3 => (1000..=u16::MAX).prop_map(Step::Feed),
        2 => step(),
        1 => (1..2000_u16).prop_map(Step::Wait),
    ];
    assemble(setup, requests, vec(step, 0..20))
}

/// A call that takes long, and a peer that hardly reads while it does.
pub fn neglects() -> impl Strategy<Value = Script> {
    let setup = (setup(), select(vec![Size::Tiny, Size::Small]));
    let setup = setup.prop_map(|(setup, size)| Setup { size, ..setup });
    let step = prop_oneof![
        2 => (500..2000_u16).prop_map(Step::Wait),
        1 => (0..4_u16).prop_map(Step::Read),
        4 => Just(Step::Notify(To::Newest, News::More)),
    ];
    let steps = vec(step, 40..150).prop_map(|steps| {
        let begin = [Step::Feed(2000), Step::Stall];
        begin.into_iter().chain(steps).collect()
    });
    assemble(setup, valid(), steps)
}

/// A subscription, and a peer that hardly reads while everything changes.
pub fn deaf_listeners() -> impl Strategy<Value = Script> {
    // The request has to fit.
    let setup = setup().prop_map(|setup| Setup { size: Size::Small, ..setup });
    let step = prop_oneof![
        1 => (1..15_u16).prop_map(Step::Wait),
        1 => (0..4_u16).prop_map(Step::Read),
        8 => changed().prop_map(Step::Change),
    ];
    let steps = vec(step, 30..100).prop_map(|steps| {
        let begin = [Step::Feed(2000), Step::Notify(To::Newest, News::More), Step::Stall];
        begin.into_iter().chain(steps).collect()
    });
    assemble(setup, listen(), steps)
}

/// A request to listen that a shutdown meets somewhere.
pub fn late_listeners() -> impl Strategy<Value = Script> {
    let setup = setup().prop_map(|setup| Setup { size: Size::Usual, ..setup });
    let steps = (1..700_u16, vec(step(), 0..4)).prop_map(|(count, steps)| {
        let begin = [Step::Feed(count), Step::Shutdown(1000), Step::Feed(2000)];
        begin.into_iter().chain(steps).collect()
    });
    assemble(setup, listen(), steps)
}

/// A few calls whose progress is reported.
pub fn conversations() -> impl Strategy<Value = Script> {
    let setup = setup().prop_map(|setup| Setup { size: Size::Usual, ..setup });
    let answer = (vec(news(), 0..6), with()).prop_map(|(news, with)| {
        let news = news.into_iter().map(|news| Step::Notify(To::Newest, news));
        news.chain([Step::Reply(To::Newest, with)]).collect::<Vec<_>>()
    });
    let steps = vec(answer, 1..4).prop_map(|answers| {
        let steps = answers.concat();
        [Step::Feed(u16::MAX)].into_iter().chain(steps).collect()
    });
    assemble(setup, vec(valid(), 1..4).prop_map(|requests| requests.concat()), steps)
}

/// What happens to a hub. Numbers are small, so that most operations meet a listener that is there.
pub fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let operation = prop_oneof![
        3 => any::<u8>().prop_map(Operation::Subscribe),
        1 => (0..12_u8).prop_map(Operation::Unsubscribe),
        6 => (0..9_u8).prop_map(Operation::Publish),
        3 => Just(Operation::PollNews),
        6 => (0..12_u8).prop_map(Operation::NextChange),
    ];
    vec(operation, 0..200)
}

fn assemble(
    setup: impl Strategy<Value = Setup>,
    stream: impl Strategy<Value = Vec<u8>>,
    steps: impl Strategy<Value = Vec<Step>>,
) -> impl Strategy<Value = Script> {
    (setup, stream, steps).prop_map(|(setup, stream, steps)| Script { setup, stream, steps })
}

fn setup() -> impl Strategy<Value = Setup> {
    (
        select(vec![Size::Usual, Size::Small, Size::Tiny]),
        select(vec![Pace::Quick, Pace::Quick, Pace::Steady, Pace::Patient]),
        select(vec![Mode::Auto, Mode::Auto, Mode::Stream, Mode::Json]),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.7),
        select(vec![Gate::Open, Gate::Open, Gate::Open, Gate::Prompt]),
    )
        .prop_map(|(size, pace, mode, answer_half_closed, has_clock, keeps_sessions, gate)| {
            Setup { size, pace, mode, answer_half_closed, has_clock, keeps_sessions, gate }
        })
}

fn step() -> impl Strategy<Value = Step> {
    // Around the deadlines of `Pace::Quick`.
    let ms = || prop_oneof![4 => 0..130_u16, 1 => 130..2000_u16];
    prop_oneof![
        16 => (100..2000_u16).prop_map(Step::Feed),
        4 => (1..100_u16).prop_map(Step::Feed),
        4 => (1..4_u16).prop_map(Step::Feed),
        14 => (to(), with()).prop_map(|(to, with)| Step::Reply(to, with)),
        2 => verdict().prop_map(Step::Authorize),
        8 => (to(), news()).prop_map(|(to, news)| Step::Notify(to, news)),
        2 => ms().prop_map(Step::Wait),
        2 => ms().prop_map(Step::Oversleep),
        1 => ms().prop_map(Step::ClockBack),
        3 => Just(Step::Deadline),
        1 => Just(Step::FalseAlarm),
        2 => Just(Step::Stall),
        2 => (0..200_u16).prop_map(Step::Read),
        2 => Just(Step::Resume),
        1 => ms().prop_map(Step::Shutdown),
        3 => changed().prop_map(Step::Change),
        2 => (to(), asked()).prop_map(|(to, asked)| Step::Ask(to, asked)),
        1 => to().prop_map(Step::Release),
        4 => elsewhere().prop_map(Step::Elsewhere),
        1 => Just(Step::Fin),
        1 => Just(Step::Reset),
    ]
}

fn verdict() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        6 => Just(Verdict::LetIn),
        1 => Just(Verdict::NoToken),
        1 => Just(Verdict::InvalidToken),
        1 => Just(Verdict::InsufficientScope),
        1 => Just(Verdict::Failed),
    ]
}

fn to() -> impl Strategy<Value = To> {
    prop_oneof![
        5 => Just(To::Newest),
        2 => Just(To::Oldest),
        1 => (0..4_u8).prop_map(To::Nth),
        1 => Just(To::Nobody),
    ]
}

fn with() -> impl Strategy<Value = With> {
    select(vec![
        With::Text,
        With::Text,
        With::Object,
        With::Array,
        With::Failure,
        With::Error,
        With::WrongKind,
        With::Huge,
        With::Question,
        With::Extended,
        With::Refusal,
        With::Silence,
    ])
}

fn asked() -> impl Strategy<Value = Asked> {
    select(vec![Asked::Ping, Asked::Form, Asked::Roots])
}

fn elsewhere() -> impl Strategy<Value = Elsewhere> {
    select(vec![
        Elsewhere::Cancel,
        Elsewhere::Cancel,
        Elsewhere::Answer,
        Elsewhere::Progress,
        Elsewhere::Refuse,
        Elsewhere::Resume,
        Elsewhere::End,
    ])
}

fn changed() -> impl Strategy<Value = Changed> {
    select(vec![Changed::Tools, Changed::Resource, Changed::Prompts])
}

fn news() -> impl Strategy<Value = News> {
    select(vec![
        News::More,
        News::More,
        News::More,
        News::Same,
        News::Less,
        News::Nan,
        News::Infinite,
        News::Log,
        News::Log,
    ])
}
