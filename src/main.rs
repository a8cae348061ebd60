//! upkeep

#[cfg_attr(not(test), expect(dead_code, reason = "the commands that load a configuration are being written"))]
mod config;

fn main() {}
