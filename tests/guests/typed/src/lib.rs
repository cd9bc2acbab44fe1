//! A guest whose functions have every type of the interface, in each place where it may stand.

mod failures;
mod objects;
mod references;
mod values;
