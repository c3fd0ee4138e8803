//! spokegate-contract
