//! What stands before a cluster: one address, behind it whichever node answers. Threads of its own, so that it goes on
//! whatever the test's runtime does.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A running balancer. Dropping it stops it from taking connections.
pub(crate) struct Balancer {
    addr: SocketAddr,
    nodes: Arc<Vec<Node>>,
    stopped: Arc<AtomicBool>,
}

struct Node {
    addr: SocketAddr,
    connections: AtomicUsize,
}

impl Balancer {
    pub(crate) fn start(addresses: Vec<SocketAddr>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let node = |addr| Node {
            addr,
            connections: AtomicUsize::new(0),
        };
        let balancer = Self {
            addr: listener.local_addr().unwrap(),
            nodes: Arc::new(addresses.into_iter().map(node).collect()),
            stopped: Arc::default(),
        };
        let (nodes, stopped) = (Arc::clone(&balancer.nodes), Arc::clone(&balancer.stopped));
        std::thread::spawn(move || {
            for (turn, client) in listener.incoming().flatten().enumerate() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let nodes = Arc::clone(&nodes);
                std::thread::spawn(move || forward(&client, &nodes, turn));
            }
        });
        balancer
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The node with the most connections, which has some.
    pub(crate) fn busiest(&self) -> usize {
        let count = |index: &usize| self.nodes[*index].connections.load(Ordering::Relaxed);
        let busiest = (0..self.nodes.len()).max_by_key(count).unwrap();
        assert!(count(&busiest) > 0, "nobody is connected");
        busiest
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        // So that the listener looks up.
        let _ = TcpStream::connect(self.addr);
    }
}

/// Connects the client to the next node that answers, and carries bytes both ways until one side ends.
fn forward(client: &TcpStream, nodes: &[Node], turn: usize) {
    for offset in 0..nodes.len() {
        let node = &nodes[(turn + offset) % nodes.len()];
        if let Ok(server) = TcpStream::connect(node.addr) {
            node.connections.fetch_add(1, Ordering::Relaxed);
            let _ = carry(client, &server);
            node.connections.fetch_sub(1, Ordering::Relaxed);
            return;
        }
    }
}

fn carry(client: &TcpStream, server: &TcpStream) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let upwards = std::thread::spawn(move || {
        let _ = io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Both);
        let _ = from_client.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut &*server, &mut &*client);
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = upwards.join();
    Ok(())
}
