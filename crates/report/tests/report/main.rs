//! What results become: figures, tables, pages, verdicts.

mod advise;
mod charts;
mod claims;
mod committed;
mod compare;
mod estimates;
mod fixture;
mod html;
mod published;
mod recommend;
mod sources;
mod theory;
mod topic_pages;
