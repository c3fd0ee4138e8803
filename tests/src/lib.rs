//! spokegate-tests
