//! Does one thing that the core is measured with, so many times: `case call-json 1000`, for profilers.

use std::error::Error;

use mcp_benches::CASES;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [name, times] = &arguments[..] else {
        return Err("name a case, and how many times it shall run".into());
    };
    let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;
    let mut again = (case.prepare)();
    (0..times.parse()?).for_each(|_| again());
    Ok(())
}
