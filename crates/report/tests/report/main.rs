//! What results become: figures, tables, pages, verdicts.

mod charts;
mod committed;
mod estimates;
mod fixture;
mod recommend;
mod sources;
