//! spokegate-bench
