//! The raw TCP server, the floor that every figure is a multiple of.
