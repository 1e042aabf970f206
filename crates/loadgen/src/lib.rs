//! The client half of every technique, and the stopwatch.
