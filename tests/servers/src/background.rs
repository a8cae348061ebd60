//! A TCP server on a thread of its own.

#![expect(clippy::expect_used, reason = "a test server that cannot be set up ends the test")]

use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Listens on a free port of the loopback interface; dropping it ends everything that is going on there.
pub(crate) struct Background {
    address: SocketAddr,
    quit: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Hands every connection to `serve`.
    pub(crate) fn start<F, C>(name: &str, mut serve: F) -> Self
    where
        F: FnMut(TcpStream) -> C + Send + 'static,
        C: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let (quit, mut quitting) = oneshot::channel();
        let accept = async move {
            loop {
                tokio::select! {
                    connection = listener.accept() => {
                        tokio::spawn(serve(connection.expect("a connection").0));
                    }
                    // Both a message and a dropped sender mean: stop.
                    _ = &mut quitting => break,
                }
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        let thread = thread.spawn(move || runtime.block_on(accept)).expect("a thread");
        Self { address, quit: Some(quit), thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.quit.take());
        if let Some(thread) = self.thread.take() {
            assert!(thread.join().is_ok() || std::thread::panicking(), "the server has panicked");
        }
    }
}
