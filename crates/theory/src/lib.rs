//! Closed forms: what the standards and arithmetic fix of bytes, batches and latency. Pure functions, each with its source.
