//! How a process ended, in words.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::failure::{Failure, Reason};

/// The failure that an exit status stands for, if it is one.
pub(crate) fn failure(status: ExitStatus) -> Option<Failure> {
    if status.success() {
        return None;
    }
    Some(match (status.code(), status.signal()) {
        (Some(code), _) => Failure::new(Reason::Exited, format!("exited with code {code}")),
        (None, Some(signal)) => {
            let name = signal_name(signal);
            Failure::new(Reason::Killed, format!("killed by signal {signal}{name}"))
        }
        (None, None) => Failure::new(Reason::Exited, format!("ended: {status}")),
    })
}

/// The name of a signal in parentheses, where it has one.
fn signal_name(signal: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
        "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
        "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    usize::try_from(signal - 1)
        .ok()
        .and_then(|index| NAMES.get(index))
        .map_or_else(String::new, |name| format!(" (SIG{name})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_signals_are_named() {
        let message = |raw| failure(ExitStatus::from_raw(raw)).map(|failure| failure.message);
        assert_eq!(message(0), None);
        assert_eq!(message(3 << 8).as_deref(), Some("exited with code 3"));
        assert_eq!(message(9).as_deref(), Some("killed by signal 9 (SIGKILL)"));
        assert_eq!(message(31).as_deref(), Some("killed by signal 31 (SIGSYS)"));
        assert_eq!(message(34).as_deref(), Some("killed by signal 34"));
    }
}
