//! What results become: figures, tables, pages, verdicts.

mod charts;
mod claims;
mod committed;
mod estimates;
mod fixture;
mod html;
mod published;
mod recommend;
mod sources;
mod theory;
mod topic_pages;
