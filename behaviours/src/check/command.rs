//! Runs a program and sees what it says: no shell, a bound on time and output, and everything it
//! started ends with it.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use runtime::Fields;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::{process, time::Instant};

use super::{Facts, Observation, output::capture};

/// How much of what it complains is kept.
const COMPLAINT: usize = 4096;

/// How long the output may stay open after the program ended, held by what it left behind.
const LINGER: Duration = Duration::from_millis(500);

/// A program and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command(Vec<String>);

impl Command {
    pub(super) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let right = "a list of a program and its arguments, such as [\"ss\", \"-ltn\"]";
        let command: Vec<String> = fields.take("command", right)?;
        if command.first().is_none_or(|program| program.trim().is_empty()) {
            fields.complain("command", format!("names no program; it should be {right}"));
            return None;
        }
        if command.iter().any(|it| it.contains('\0')) {
            fields.complain("command", "holds a zero byte, which no program can be given");
            return None;
        }
        Some(Self(command))
    }

    pub(super) fn to_value(&self) -> Value {
        self.0.clone().into()
    }

    /// Runs it. What goes wrong is a result too.
    pub(super) async fn run(&self, timeout: Duration, limit: usize) -> Observation {
        let started = Instant::now();
        let seen = match self.spawn() {
            Ok(child) => self.watch(child, timeout, limit).await,
            Err(error) => Observation::trouble(self.cannot_start(&error)),
        };
        Observation { took: started.elapsed(), ..seen }
    }

    fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    fn spawn(&self) -> io::Result<process::Child> {
        process::Command::new(self.program())
            .args(self.0.iter().skip(1))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    fn cannot_start(&self, error: &io::Error) -> String {
        let program = self.program();
        match error.kind() {
            io::ErrorKind::NotFound => format!("no program `{program}`"),
            io::ErrorKind::PermissionDenied => format!("`{program}` may not be run"),
            _ => format!("`{program}` cannot be started: {error}"),
        }
    }

    async fn watch(
        &self,
        mut child: process::Child,
        timeout: Duration,
        limit: usize,
    ) -> Observation {
        let group = Group::of(&child);
        let (Some(output), Some(complaint)) = (child.stdout.take(), child.stderr.take()) else {
            return Observation::trouble("its output cannot be read");
        };
        let reading = async { tokio::join!(capture(output, limit), capture(complaint, COMPLAINT)) };
        tokio::pin!(reading);
        let deadline = Instant::now() + timeout;
        let (mut captured, mut status) = (None, None);
        while captured.is_none() || status.is_none() {
            // When the program has ended, only what it left behind can keep its output open.
            let until = if status.is_some() { Instant::now() + LINGER } else { deadline };
            tokio::select! {
                done = &mut reading, if captured.is_none() => {
                    let flood = done.0.cut;
                    captured = Some(done);
                    if flood {
                        group.kill();
                    }
                }
                ended = child.wait(), if status.is_none() => status = Some(ended),
                () = tokio::time::sleep_until(until) => break,
            }
        }
        group.kill();
        let (output, complaint) = captured.unwrap_or_default();
        let mut facts = Facts::new();
        let trouble = if output.cut {
            Some(format!("wrote more than {limit} bytes and was stopped"))
        } else {
            match status {
                None => Some(format!(
                    "did not end within {} and was killed",
                    humantime::format_duration(timeout)
                )),
                Some(Err(error)) => Some(format!("its end cannot be seen: {error}")),
                Some(Ok(status)) => describe(status, &mut facts),
            }
        };
        Observation { output, complaint, facts, trouble, ..Observation::default() }
    }
}

/// Notes how a program ended; a signal is trouble.
fn describe(status: ExitStatus, facts: &mut Facts) -> Option<String> {
    if let Some(code) = status.code() {
        facts.insert("exit".to_owned(), code.into());
        return None;
    }
    let number = status.signal()?;
    facts.insert("signal".to_owned(), number.into());
    Some(format!("died by signal {number}{}", name(number)))
}

/// The usual signals by name.
fn name(signal: i32) -> &'static str {
    match signal {
        1 => " (SIGHUP)",
        2 => " (SIGINT)",
        3 => " (SIGQUIT)",
        4 => " (SIGILL)",
        6 => " (SIGABRT)",
        7 => " (SIGBUS)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        13 => " (SIGPIPE)",
        14 => " (SIGALRM)",
        15 => " (SIGTERM)",
        _ => "",
    }
}

/// A program and everything it started; killed when dropped, so that a check that is killed
/// leaves nothing behind.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &process::Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn kill(&self) {
        if let Some(group) = self.0
            && let Err(error) = kill_process_group(group, Signal::KILL)
        {
            tracing::trace!(%error, "the program left nothing behind");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(command: &[&str]) -> Observation {
        let command = Command(command.iter().map(|it| (*it).to_owned()).collect());
        command.run(Duration::from_millis(500), 1000).await
    }

    async fn trouble(command: &[&str]) -> String {
        run(command).await.trouble.expect("this should not have worked")
    }

    #[tokio::test]
    async fn a_program_says_what_it_says() {
        let seen = run(&["sh", "-c", "echo out; echo err >&2; exit 3"]).await;
        assert_eq!((seen.text().as_str(), seen.trouble.clone()), ("out\n", None));
        assert_eq!(seen.complaint.bytes, b"err\n");
        assert_eq!(seen.facts["exit"], 3);
    }

    #[tokio::test]
    async fn no_shell_looks_at_the_arguments() {
        assert_eq!(run(&["echo", "$HOME;", "*"]).await.text(), "$HOME; *\n");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_killed_with_all_it_started() {
        let told = trouble(&["sh", "-c", "sleep 77.125 & sleep 77.125"]).await;
        assert_eq!(told, "did not end within 500ms and was killed");
        let alive = |entry: std::fs::DirEntry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("77.125")
        };
        let deadline = Instant::now() + Duration::from_secs(5);
        while std::fs::read_dir("/proc").unwrap().flatten().any(alive) {
            assert!(Instant::now() < deadline, "something was left behind");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_program_that_leaves_something_behind_does_not_hold_us_up() {
        let seen = run(&["sh", "-c", "echo hi; sleep 78.125 &"]).await;
        assert!(seen.took < Duration::from_secs(5), "{:?}", seen.took);
        assert_eq!(seen.facts["exit"], 0);
    }

    #[tokio::test]
    async fn a_flood_is_stopped_and_its_start_kept() {
        let seen = run(&["yes"]).await;
        assert_eq!(seen.trouble.as_deref(), Some("wrote more than 1000 bytes and was stopped"));
        assert_eq!(seen.output.bytes.len(), 1000);
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        assert_eq!(trouble(&["no-such-program"]).await, "no program `no-such-program`");
        assert_eq!(trouble(&["/etc/passwd"]).await, "`/etc/passwd` may not be run");
    }

    #[tokio::test]
    async fn a_signal_is_named() {
        assert_eq!(trouble(&["sh", "-c", "kill -SEGV $$"]).await, "died by signal 11 (SIGSEGV)");
    }
}
