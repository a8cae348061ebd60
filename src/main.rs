//! upkeep
fn main(){}
