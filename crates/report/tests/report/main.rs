//! What results become: figures, tables, pages, verdicts.

mod estimates;
mod fixture;
mod sources;
