//! The simulator's own tests: fixed seeds, every trick refused by its rule, and faults that must break an invariant.

mod faults;
mod journey;
mod seeds;
mod tricks;
