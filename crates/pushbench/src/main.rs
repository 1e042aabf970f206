//! The pushbench command.

fn main() {}
