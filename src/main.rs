//! upkeep
fn main() {}
