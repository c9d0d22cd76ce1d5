//! STIX patterns: text to tree and back, and matching over observed data.
