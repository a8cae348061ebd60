//! A TCP proxy on the loopback interface that loses connections on demand: what a network does to a database session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::background::Background;

/// What a client has to send for the connection to be lost, before or after the server got it.
#[derive(Debug, Clone)]
pub struct Cut {
    /// Bytes that occur in what the client sends.
    pub at: Vec<u8>,
    /// Lost at the so-manieth occurrence, counted from 1 over all connections.
    pub occurrence: u64,
    /// Whether the server still gets the bytes: its answer is lost then.
    pub delivered: bool,
}

/// A running proxy; dropping it ends all connections.
pub struct Cutter {
    server: Background,
    seen: Arc<AtomicU64>,
    frozen: watch::Sender<bool>,
}

impl Cutter {
    /// Forwards to the port `upstream` of 127.0.0.1, and cuts once.
    pub fn in_front_of(upstream: u16, cut: Cut) -> Self {
        let seen = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&seen);
        let (frozen, freezing) = watch::channel(false);
        let server = Background::start("cutter", move |client| {
            let (cut, seen, mut freezing) = (cut.clone(), Arc::clone(&counter), freezing.clone());
            async move {
                let mut client = client;
                let frozen = async { freezing.wait_for(|frozen| *frozen).await.is_ok() };
                tokio::select! {
                    biased;
                    // The client's connection stays open, and nothing is heard from it any more.
                    true = frozen => std::future::pending().await,
                    // Whatever goes wrong between the two ends is a lost connection, which is the purpose.
                    ended = forward(&mut client, upstream, &cut, &seen) => drop(ended),
                }
            }
        });
        Self { server, seen, frozen }
    }

    /// The proxy's port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        SocketAddr::port(&self.server.address())
    }

    /// From now on nothing gets through and no connection ends, new ones included: as if the host stood still.
    pub fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    /// Whether the cut has happened.
    pub fn has_cut(&self, cut: &Cut) -> bool {
        self.seen.load(Ordering::SeqCst) >= cut.occurrence
    }
}

async fn forward(client: &mut TcpStream, upstream: u16, cut: &Cut, seen: &AtomicU64) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", upstream)).await?;
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let sent = &from_client[..read?];
                if sent.is_empty() {
                    return Ok(());
                }
                let found = sent.windows(cut.at.len()).filter(|window| *window == cut.at).count() as u64;
                let before = seen.fetch_add(found, Ordering::SeqCst);
                let cuts = before < cut.occurrence && before + found >= cut.occurrence;
                if !cuts || cut.delivered {
                    server.write_all(sent).await?;
                }
                if cuts {
                    // The server's answer shows that it has done what it was told, but reaches nobody.
                    if cut.delivered {
                        assert_ne!(server.read(&mut from_server).await?, 0, "the server gave no answer");
                    }
                    return Ok(());
                }
            }
            read = server.read(&mut from_server) => {
                let answered = &from_server[..read?];
                if answered.is_empty() {
                    return Ok(());
                }
                client.write_all(answered).await?;
            }
        }
    }
}
