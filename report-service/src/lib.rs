//! spokegate-reports
