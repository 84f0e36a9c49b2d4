//! Cases as bytes, for the fuzzer: every input is a case, and every case has an input.

use crate::hub_model::Operation;
use crate::script::{
    Asked, Changed, Elsewhere, Gate, Mode, News, Pace, Script, Setup, Size, Step, To, Verdict, With,
};

const SIZES: [Size; 3] = [Size::Tiny, Size::Small, Size::Usual];
const PACES: [Pace; 3] = [Pace::Quick, Pace::Steady, Pace::Patient];
const MODES: [Mode; 3] = [Mode::Auto, Mode::Json, Mode::Stream];
const GATES: [Gate; 3] = [Gate::Open, Gate::Prompt, Gate::Slow];
const VERDICTS: [Verdict; 5] = [
    Verdict::LetIn,
    Verdict::NoToken,
    Verdict::InvalidToken,
    Verdict::InsufficientScope,
    Verdict::Failed,
];
const WITH: [With; 11] = [
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
];
const CHANGED: [Changed; 3] = [Changed::Tools, Changed::Resource, Changed::Prompts];
const NEWS: [News; 6] = [News::More, News::Same, News::Less, News::Nan, News::Infinite, News::Log];
const ASKED: [Asked; 3] = [Asked::Ping, Asked::Form, Asked::Roots];
const ELSEWHERE: [Elsewhere; 6] = [
    Elsewhere::Cancel,
    Elsewhere::Answer,
    Elsewhere::Progress,
    Elsewhere::Refuse,
    Elsewhere::Resume,
    Elsewhere::End,
];

/// More steps make a case slow and say nothing new.
const MOST_STEPS: usize = 64;
/// The same of bytes in the stream.
const MOST_BYTES: usize = 8 * 1024;

/// As many operations as a number in them can count subscriptions.
const MOST_OPERATIONS: usize = 256;

/// What an input of the fuzzer stands for.
pub trait Encoded {
    /// The case in `bytes`; missing bytes are zeros.
    #[must_use]
    fn decode(bytes: &[u8]) -> Self;

    /// The bytes that decode to the case, as long as it is within bounds.
    #[must_use]
    fn encode(&self) -> Vec<u8>;
}

/// ```text
/// size  pace  mode  flags   one byte each
/// count                     of steps, one byte
/// kind  argument            of each step, one byte and two (big endian)
/// ...                       the peer's stream
/// ```
///
/// The stream comes last and as it is, so that a fuzzer can work on it as on any other text.
impl Encoded for Script {
    fn decode(bytes: &[u8]) -> Self {
        let (header, rest) = bytes.split_at(bytes.len().min(5));
        let at = |position: usize| usize::from(*header.get(position).unwrap_or(&0));
        let count = (at(4) % (MOST_STEPS + 1)).min(rest.len() / 3);
        let (steps, stream) = rest.split_at(3 * count);
        Self {
            setup: Setup {
                size: SIZES[at(0) % SIZES.len()],
                pace: PACES[at(1) % PACES.len()],
                mode: MODES[at(2) % MODES.len()],
                answer_half_closed: at(3) & 1 != 0,
                has_clock: at(3) & 2 != 0,
                keeps_sessions: at(3) & 4 != 0,
                gate: GATES[(at(3) >> 3 & 3) % GATES.len()],
            },
            stream: stream[..stream.len().min(MOST_BYTES)].to_vec(),
            steps: steps.chunks(3).map(decode_step).collect(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let setup = &self.setup;
        let mut bytes = vec![
            position(&SIZES, &setup.size),
            position(&PACES, &setup.pace),
            position(&MODES, &setup.mode),
            u8::from(setup.answer_half_closed)
                | u8::from(setup.has_clock) << 1
                | u8::from(setup.keeps_sessions) << 2
                | position(&GATES, &setup.gate) << 3,
            self.steps.len().min(MOST_STEPS) as u8,
        ];
        for &step in self.steps.iter().take(MOST_STEPS) {
            let (kind, argument) = encode_step(step);
            bytes.push(kind);
            bytes.extend_from_slice(&argument);
        }
        bytes.extend_from_slice(&self.stream);
        bytes
    }
}

fn decode_step(bytes: &[u8]) -> Step {
    let argument = u16::from_be_bytes([bytes[1], bytes[2]]);
    let to = match bytes[1] {
        0 => To::Newest,
        1 => To::Nobody,
        2 => To::Oldest,
        number => To::Nth(number - 3),
    };
    let choice = usize::from(bytes[2]);
    match bytes[0] % 20 {
        0 => Step::Feed(argument),
        1 => Step::Fin,
        2 => Step::Reset,
        3 => Step::Reply(to, WITH[choice % WITH.len()]),
        4 => Step::Notify(to, NEWS[choice % NEWS.len()]),
        5 => Step::Wait(argument),
        6 => Step::Oversleep(argument),
        7 => Step::ClockBack(argument),
        8 => Step::Deadline,
        9 => Step::FalseAlarm,
        10 => Step::Stall,
        11 => Step::Read(argument),
        12 => Step::Resume,
        13 => Step::Shutdown(argument),
        14 => Step::Change(CHANGED[choice % CHANGED.len()]),
        15 => Step::Ask(to, ASKED[choice % ASKED.len()]),
        16 => Step::Release(to),
        17 => Step::Elsewhere(ELSEWHERE[choice % ELSEWHERE.len()]),
        18 => Step::Authorize(VERDICTS[choice % VERDICTS.len()]),
        _ => Step::Feed(argument % 64),
    }
}

fn encode_step(step: Step) -> (u8, [u8; 2]) {
    let to = |to| match to {
        To::Newest => 0,
        To::Nobody => 1,
        To::Oldest => 2,
        To::Nth(number) => number.min(u8::MAX - 3) + 3,
    };
    match step {
        Step::Feed(count) => (0, count.to_be_bytes()),
        Step::Fin => (1, [0; 2]),
        Step::Reset => (2, [0; 2]),
        Step::Reply(call, with) => (3, [to(call), position(&WITH, &with)]),
        Step::Notify(call, news) => (4, [to(call), position(&NEWS, &news)]),
        Step::Wait(ms) => (5, ms.to_be_bytes()),
        Step::Oversleep(ms) => (6, ms.to_be_bytes()),
        Step::ClockBack(ms) => (7, ms.to_be_bytes()),
        Step::Deadline => (8, [0; 2]),
        Step::FalseAlarm => (9, [0; 2]),
        Step::Stall => (10, [0; 2]),
        Step::Read(count) => (11, count.to_be_bytes()),
        Step::Resume => (12, [0; 2]),
        Step::Shutdown(ms) => (13, ms.to_be_bytes()),
        Step::Change(changed) => (14, [0, position(&CHANGED, &changed)]),
        Step::Ask(call, asked) => (15, [to(call), position(&ASKED, &asked)]),
        Step::Release(call) => (16, [to(call), 0]),
        Step::Authorize(verdict) => (18, [0, position(&VERDICTS, &verdict)]),
        Step::Elsewhere(what) => (17, [0, position(&ELSEWHERE, &what)]),
    }
}

/// The kind of each operation and its number, one byte each.
impl Encoded for Vec<Operation> {
    fn decode(bytes: &[u8]) -> Self {
        bytes.chunks(2).take(MOST_OPERATIONS).map(decode_operation).collect()
    }

    fn encode(&self) -> Vec<u8> {
        self.iter().take(MOST_OPERATIONS).copied().flat_map(encode_operation).collect()
    }
}

fn decode_operation(bytes: &[u8]) -> Operation {
    let number = *bytes.get(1).unwrap_or(&0);
    match bytes[0] % 5 {
        0 => Operation::Subscribe(number),
        1 => Operation::Unsubscribe(number),
        2 => Operation::Publish(number),
        3 => Operation::PollNews,
        _ => Operation::NextChange(number),
    }
}

const fn encode_operation(operation: Operation) -> [u8; 2] {
    match operation {
        Operation::Subscribe(filter) => [0, filter],
        Operation::Unsubscribe(nth) => [1, nth],
        Operation::Publish(change) => [2, change],
        Operation::PollNews => [3, 0],
        Operation::NextChange(nth) => [4, nth],
    }
}

/// Where in its table a choice stands; the tables are short and hold every choice.
fn position<T: PartialEq>(table: &[T], choice: &T) -> u8 {
    let position = table.iter().position(|other| other == choice);
    position.unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::generate::{operations, scripts};

    proptest! {
        #![proptest_config(crate::generate::config())]

        #[test]
        fn what_is_encoded_decodes(script in scripts(), operations in operations()) {
            prop_assume!(script.stream.len() <= MOST_BYTES);
            prop_assert_eq!(Script::decode(&script.encode()), script);
            prop_assert_eq!(Vec::<Operation>::decode(&operations.encode()), operations);
        }

        #[test]
        fn everything_decodes(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Script::decode(&bytes);
            let _ = Vec::<Operation>::decode(&bytes);
        }
    }
}
