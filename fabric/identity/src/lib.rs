//! spokegate-identity
