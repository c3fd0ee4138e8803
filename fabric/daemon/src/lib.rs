//! spokegate-daemon
