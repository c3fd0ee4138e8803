//! spokegate-agent
