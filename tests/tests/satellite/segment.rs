//! A network segment without any way out but the doors that a test opens: a network namespace with a loopback alone.

use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The namespace; gone when it is dropped.
pub(crate) struct Segment {
    name: String,
}

/// A port of the segment's loopback that leads to one outside; shut when it is dropped.
pub(crate) struct Opening {
    shut: Arc<AtomicBool>,
    serving: Option<JoinHandle<()>>,
}

impl Segment {
    pub(crate) fn new() -> Self {
        let number = spokegate_tests::free_port().port();
        let segment = Self {
            name: format!("spokegate-{}-{number}", std::process::id()),
        };
        ip(&["netns", "add", &segment.name]);
        ip(&["-n", &segment.name, "link", "set", "lo", "up"]);
        segment
    }

    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from("/run/netns").join(&self.name)
    }

    /// Opens a door: what dials 127.0.0.1 at this port inside is led to the same port of our own loopback.
    pub(crate) fn open(&self, port: u16) -> Opening {
        let namespace = File::open(self.path()).unwrap();
        // A thread of its own, because a socket belongs to the namespace of the thread that made it.
        let listener = std::thread::spawn(move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            TcpListener::bind(("127.0.0.1", port)).unwrap()
        });
        let listener = listener.join().unwrap();
        listener.set_nonblocking(true).unwrap();
        let shut = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&shut);
        let serving = std::thread::spawn(move || {
            let mut led = Vec::new();
            while !told.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((inside, _)) => led.extend(lead(inside, port)),
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
            for stream in led {
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        Opening {
            shut,
            serving: Some(serving),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        ip(&["netns", "delete", &self.name]);
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.shut.store(true, Ordering::SeqCst);
        if let Some(serving) = self.serving.take() {
            let _ = serving.join();
        }
    }
}

/// Copies both ways until one side ends; gives both ends, to break them off.
fn lead(inside: TcpStream, port: u16) -> Vec<TcpStream> {
    let Ok(outside) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))) else {
        let _ = inside.shutdown(Shutdown::Both);
        return Vec::new();
    };
    inside.set_nonblocking(false).unwrap();
    for (from, to) in [(&inside, &outside), (&outside, &inside)] {
        let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    vec![inside, outside]
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}; hint: this needs root");
}
