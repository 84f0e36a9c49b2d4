//! Counts machine instructions, which are the same each time and on each machine of a kind.

use std::error::Error;
use std::path::Path;
use std::process::Command;

/// Runs a program, and counts what it executes.
///
/// # Errors
///
/// If there is no valgrind, or the program fails.
pub fn instructions(program: &Path, arguments: &[&str]) -> Result<u64, Box<dyn Error>> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let count = told.lines().find_map(|line| line.split_once("Collected :"));
    match (output.status.success(), count) {
        (true, Some((_, count))) => Ok(count.trim().parse()?),
        _ => Err(format!("{arguments:?}: {told}").into()),
    }
}
