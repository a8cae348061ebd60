//! upkeep

#[cfg_attr(
    not(test),
    expect(dead_code, unused_imports, reason = "the commands that load a configuration are being written")
)]
mod config;

fn main() {}
