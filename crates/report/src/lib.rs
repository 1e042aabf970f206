//! Results into statistics, charts and REPORT.md.
