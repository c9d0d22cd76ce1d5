//! STIX 2.0 objects made into STIX 2.1.
