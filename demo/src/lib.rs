//! spokegate-demo
