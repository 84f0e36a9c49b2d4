//! What is asked of the system: cores, descriptors, and what a process has used of it.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::BoxError;

/// Where server and load run.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Placement {
    /// Each on a core of its own.
    Apart,
    /// Wherever the system puts them.
    Anywhere,
}

/// The cores that there are.
pub(crate) struct Cores {
    all: CpuSet,
    /// The server's and the load's, if there are two.
    pair: Option<(CpuSet, CpuSet)>,
}

impl Cores {
    pub(crate) fn find() -> Result<Self, BoxError> {
        let all = sched_getaffinity(None)?;
        let mut each = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).map(|core| {
            let mut alone = CpuSet::new();
            alone.set(core);
            alone
        });
        let pair = each.next().zip(each.next());
        Ok(Self { all, pair })
    }

    pub(crate) const fn are_enough(&self) -> bool {
        self.pair.is_some()
    }

    /// Starts something where servers belong: a child stays where its parent was.
    pub(crate) fn at_server<T>(
        &self,
        placement: Placement,
        start: impl FnOnce() -> T,
    ) -> Result<T, BoxError> {
        let (server, load) = match (&self.pair, placement) {
            (Some((server, load)), Placement::Apart) => (server, load),
            _ => (&self.all, &self.all),
        };
        sched_setaffinity(None, server)?;
        let started = start();
        sched_setaffinity(None, load)?;
        Ok(started)
    }
}

/// The processor time that a process has taken. `self` is this one.
pub(crate) fn cpu_time(process: &str) -> Result<Duration, BoxError> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let ticks = cpu_ticks(&stat).ok_or("/proc has no processor time")?;
    Ok(Duration::from_secs(1) * ticks / rustix::param::clock_ticks_per_second() as u32)
}

/// User's and system's time, the 14th and 15th field. The second is a name that may have spaces.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

/// How many bytes of a process are in memory.
pub(crate) fn resident_bytes(process: &str) -> Result<u64, BoxError> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB"));
    Ok(1024 * kib.ok_or("/proc has no resident set")?.trim().parse::<u64>()?)
}

/// Lets this process and its children have as many descriptors as they may. Returns how many.
pub(crate) fn raise_descriptors() -> Result<u64, BoxError> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit)?;
    Ok(limit.current.unwrap_or(u64::MAX))
}

/// Says what this machine is, and how busy.
pub(crate) fn describe_machine() -> Result<String, BoxError> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU", |(_, model)| model);
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let busy = fs::read_to_string("/proc/loadavg")?;
    let busy = busy.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{model}, {cores} cores, Linux {}; load average at the start: {busy}",
        kernel.trim_end()
    ))
}

#[cfg(test)]
mod tests {
    use super::cpu_ticks;

    #[test]
    fn processor_time_is_found_behind_any_name() {
        let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 30 12 0 0 20 0";
        assert_eq!(cpu_ticks(stat), Some(42));
        assert_eq!(cpu_ticks("7 (a"), None);
    }
}
