//! spokegate-provisioner
