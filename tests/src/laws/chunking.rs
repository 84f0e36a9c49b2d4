//! Law 2: chunking is invisible. The same bytes in any split give the same outputs, byte for byte.

use crate::script::Script;
use crate::simulation::{Manners, Pieces, Simulation, Trace, Turn};

/// Checks law 2: each step's bytes whole, one by one, and in ragged pieces.
pub fn check(script: &Script) {
    let whole = Simulation::run(script, Manners::PUSHY);
    for pieces in [Pieces::Bytewise, Pieces::Ragged(1), Pieces::Ragged(script.stream.len() as u64)]
    {
        let manners = Manners { pieces, ..Manners::PUSHY };
        let split = Simulation::run(script, manners);
        assert_eq!(
            whole.emitted.escape_ascii().to_string(),
            split.emitted.escape_ascii().to_string(),
            "other bytes when split {pieces:?}"
        );
        assert_eq!(whole.outputs(), split.outputs(), "other outputs when split {pieces:?}");
        let steps = script.steps.len();
        for step in 0..steps {
            let deadline = |trace: &Trace| Some(last_of(trace, step)?.deadline);
            let (whole, split) = (deadline(&whole), deadline(&split));
            assert_eq!(whole, split, "another deadline after step {step} when split {pieces:?}");
        }
    }
}

/// The last turn of a step.
fn last_of(trace: &Trace, step: usize) -> Option<&Turn> {
    trace.turns.iter().rev().find(|turn| turn.step == step)
}
