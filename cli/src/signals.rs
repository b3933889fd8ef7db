//! Being asked to stop.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until somebody asks this process to stop: Ctrl-C, or SIGTERM.
pub(crate) async fn stop() -> &'static str {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}
