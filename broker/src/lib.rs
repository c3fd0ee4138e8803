//! spokegate-broker
