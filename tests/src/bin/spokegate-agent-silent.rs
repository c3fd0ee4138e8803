//! A version of the agent that starts, and then is never heard of.

fn main() {
    loop {
        std::thread::park();
    }
}
