//! spokegate-sanitizer
