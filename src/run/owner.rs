//! Who holds a lease, told precisely enough to find out whether that process is still there.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process, identified beyond the reuse of its number and across containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    pub(super) host: String,
    pub(super) pid: u32,
    /// The kernel's boot: absent where /proc is not Linux's.
    boot: Option<String>,
    /// The process-number namespace: the same number in another container is another process.
    namespace: Option<String>,
    /// When the process started, in the kernel's clock ticks since boot.
    started: Option<String>,
}

impl Owner {
    /// This process.
    pub(super) fn this_process(host: &str) -> Self {
        let pid = std::process::id();
        Self {
            host: host.to_owned(),
            pid,
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).ok(),
            namespace: fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).ok(),
            started: start_time(pid),
        }
    }

    /// Whether the process is certainly gone: it ran under this kernel, where its number can be looked up, and no
    /// process of that number and start time is there. Otherwise only the lease's expiry tells.
    pub(super) fn is_dead(&self) -> bool {
        // Where /proc hides other users' processes (`hidepid`, systemd's `ProtectProc`), the first one is hidden too.
        if start_time(1).is_none() {
            return false;
        }
        let this = Self::this_process(&self.host);
        let comparable = self.boot.is_some()
            && self.boot == this.boot
            && self.namespace.is_some()
            && self.namespace == this.namespace;
        comparable && self.started.is_some() && start_time(self.pid) != self.started
    }
}

/// Field 22 of `/proc/PID/stat` (see proc(5)), counted after the command name, which may contain anything. A zombie
/// counts as gone.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18).map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_alive_and_others_are_not() {
        let this = Owner::this_process("here");
        assert!(!this.is_dead());
        assert!(Owner { started: Some("1".into()), ..this.clone() }.is_dead(), "the number was used again");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let child_pid = child.id();
        child.wait().unwrap();
        assert!(Owner { pid: child_pid, ..this }.is_dead());
    }

    #[test]
    fn nothing_is_said_of_other_machines_and_containers() {
        let this = Owner::this_process("here");
        let gone = Owner { pid: u32::MAX, ..this };
        assert!(gone.is_dead());
        assert!(!Owner { boot: Some("another".into()), ..gone.clone() }.is_dead());
        assert!(!Owner { namespace: Some("pid:[1]".into()), ..gone.clone() }.is_dead());
        assert!(!Owner { boot: None, ..gone.clone() }.is_dead());
        assert!(!Owner { started: None, ..gone }.is_dead());
    }
}
